import type { CellDb } from '../platform/db/index.ts'
import { LISTED_COLUMNS, type ListedServer } from './server.ts'

/** A server as a page has found it: which, and which version of its row. */
export interface Found {
  readonly id: string
  readonly version: number
}

/** Rows remembered of each cell, those used last: 2 to 4 KB each. */
const REMEMBERED_ROWS = 2_000

/** Rows of one cell's servers as they were read last, each good for as long as its version is that of the row. */
export interface KnownRows {
  /** @returns the servers in this order; null when one of them has changed since it was found. */
  read(found: readonly Found[]): Promise<ListedServer[] | null>
}

/**
 * Most servers of a page have not changed since it was read last, and to print and to parse their rows again is most of
 * what a list costs. `version` is the transaction that wrote the row: a row has one version for each that changed it.
 */
export function createKnownRows({ sql }: CellDb): KnownRows {
  const known = new Map<string, { version: number; server: ListedServer }>()

  async function readAgain(ids: readonly string[]): Promise<void> {
    const rows = await sql<(ListedServer & { version: number })[]>`
      select ${sql(LISTED_COLUMNS)}, xmin::text::bigint as version from servers where id = any(${ids as string[]}::uuid[])`
    for (const { version, ...server } of rows) known.set(server.id, { version, server })
  }

  function forgetOldest(): void {
    for (const id of known.keys()) {
      if (known.size <= REMEMBERED_ROWS) return
      known.delete(id)
    }
  }

  return {
    async read(found) {
      const isKnown = ({ id, version }: Found): boolean => known.get(id)?.version === version
      const unknown = found.filter((each) => !isKnown(each)).map(({ id }) => id)
      if (unknown.length > 0) await readAgain(unknown)
      const servers: ListedServer[] = []
      for (const { id, version } of found) {
        const row = known.get(id)
        if (row?.version !== version) return null
        // Now it is the one used last.
        known.delete(id)
        known.set(id, row)
        servers.push(row.server)
      }
      forgetOldest()
      return servers
    },
  }
}
