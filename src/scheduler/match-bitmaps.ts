import { assert } from '../kernel/index.ts'
import { clearBit, setBit } from './bits.ts'
import type { ChangeLog } from './change-log.ts'
import type { Predicate } from './filters/filter.ts'
import type { Host } from './host.ts'

/** For each predicate that requests have asked lately, the bitmap of the hosts it holds for. */
export interface MatchBitmaps {
  /** The number of the predicate's bitmap, brought up to date. */
  indexOf(predicate: Predicate): number
}

interface Match {
  readonly index: number
  /** Changes before this one are in the bitmap. */
  seen: number
  /** When it was asked last, counted in askings. */
  asked: number
}

/**
 * Keeps bitmaps by asking again only about hosts that have changed since the last use. Predicates that were not asked
 * for longest make room for new ones.
 */
export function createMatchBitmaps(
  bitmaps: readonly Uint32Array[],
  hosts: readonly (Host | undefined)[],
  log: ChangeLog,
): MatchBitmaps {
  const matches = new Map<string, Match>()
  let askings = 0

  function allot(key: string): Match {
    const match = { index: matches.size < bitmaps.length ? matches.size : evict(), seen: Number.NEGATIVE_INFINITY, asked: 0 }
    matches.set(key, match)
    return match
  }

  function evict(): number {
    let oldest: [string, Match] | undefined
    for (const each of matches) if (!oldest || each[1].asked < oldest[1].asked) oldest = each
    assert(oldest, 'there is room for a predicate')
    matches.delete(oldest[0])
    return oldest[1].index
  }

  function ask({ test }: Predicate, bits: Uint32Array, host: Host | undefined): void {
    if (!host) return
    if (test(host)) setBit(bits, host.slot)
    else clearBit(bits, host.slot)
  }

  return {
    indexOf(predicate) {
      const match = matches.get(predicate.key) ?? allot(predicate.key)
      match.asked = ++askings
      if (match.seen === log.count) return match.index
      const bits = bitmaps[match.index] as Uint32Array
      if (match.seen < log.first) for (const host of hosts) ask(predicate, bits, host)
      else for (let at = match.seen; at < log.count; at++) ask(predicate, bits, hosts[log.slot(at)])
      match.seen = log.count
      return match.index
    },
  }
}
