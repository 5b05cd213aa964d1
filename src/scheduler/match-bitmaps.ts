import { assert } from '../kernel/index.ts'
import { clearBit, setBit } from './bits.ts'
import type { Predicate } from './filters/filter.ts'
import type { Host } from './host.ts'

/** For each predicate that requests have asked lately, the bitmap of the hosts it holds for. */
export interface MatchBitmaps {
  /** The number of the predicate's bitmap, brought up to date. */
  indexOf(predicate: Predicate): number
  /** The host in this slot is not as it was. */
  changed(slot: number): void
}

interface Match {
  readonly index: number
  /** Changes before this one are in the bitmap. */
  seen: number
}

/** Seen nothing yet. */
const NEVER = -1

/**
 * Keeps bitmaps by asking again only about hosts that have changed since the last use. Predicates that were not asked
 * for longest make room for new ones.
 */
export function createMatchBitmaps(bitmaps: readonly Uint32Array[], hosts: readonly (Host | undefined)[]): MatchBitmaps {
  /** In the order of their last use. */
  const matches = new Map<string, Match>()
  /** Slots that have changed, since change number `logged`; a log longer than the hosts are many gains nothing. */
  const log: number[] = []
  let logged = 0

  function allot(): Match {
    if (matches.size < bitmaps.length) return { index: matches.size, seen: NEVER }
    const oldest = matches.entries().next().value
    assert(oldest, 'there is room for a predicate')
    matches.delete(oldest[0])
    return { index: oldest[1].index, seen: NEVER }
  }

  function ask({ test }: Predicate, bits: Uint32Array, host: Host | undefined): void {
    if (!host) return
    if (test(host)) setBit(bits, host.slot)
    else clearBit(bits, host.slot)
  }

  return {
    indexOf(predicate) {
      const match = matches.get(predicate.key) ?? allot()
      matches.delete(predicate.key)
      matches.set(predicate.key, match)
      const bits = bitmaps[match.index] as Uint32Array
      if (match.seen < logged) for (const host of hosts) ask(predicate, bits, host)
      else for (let at = match.seen - logged; at < log.length; at++) ask(predicate, bits, hosts[log[at] as number])
      match.seen = logged + log.length
      return match.index
    },
    changed(slot) {
      if (matches.size === 0) return
      if (log.length >= hosts.length) {
        logged += log.length
        log.length = 0
      }
      log.push(slot)
    },
  }
}
