import type { Clock } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import { zonesByHost } from './aggregates.store.ts'

/** Each host's availability zone. */
export interface Zones {
  /** From host to zone, as of at most `FRESH_MS` ago; a host that is not in it is in the default zone. */
  current(): Promise<ReadonlyMap<string, string>>
  /** After a change by this process: the next look is at the database. */
  forget(): void
}

/** Every show of a server asks for a zone, and zones change some times a year. */
const FRESH_MS = 1_000

export function createZones(db: GlobalDb, clock: Clock): Zones {
  let known: Promise<ReadonlyMap<string, string>> | null = null
  let readAt = 0
  return {
    current() {
      if (known && clock.now() - readAt < FRESH_MS) return known
      readAt = clock.now()
      const reading = zonesByHost(db)
      known = reading
      reading.catch(() => {
        if (known === reading) known = null
      })
      return reading
    },
    forget() {
      known = null
    },
  }
}
