/**
 * The scheduler's inner loop: which hosts pass, which weigh most, and how many failed what. It allocates nothing and
 * calls nothing; layout.ts and record.ts say what it reads and writes.
 */
import { filter } from './filter'
import { blocks, ranking as rankingAt } from './layout'
import { measure, measureBlocks, measureOnce } from './measure'
import { rank, rankAlike } from './rank'
import { open, record, survivors } from './record'
import { replay } from './replay'
import { activate, current, currentEnd, drift, scoreAll } from './score'

export { bind, use } from './layout'

/** Where the result is; from `heap` on, memory is the host program's to lay out. */
export const ranking: usize = rankingAt
export const heap: usize = __heap_base

/**
 * Filters all hosts by the conditions of a record, weighs those left by its weighers, and ranks up to `count` of them
 * (1…MAX_RANKED). Returns how many hosts are left. As in Nova, a single one is not weighed. Only what is `kept` can be
 * updated later.
 */
export function scan(at: usize, conditionCount: i32, weigherCount: i32, count: i32, keep: bool): i32 {
  open(at, conditionCount, weigherCount)
  filter()
  let left: i32 = 0
  for (let offset: usize = 0, end = <usize>blocks << 3; offset < end; offset += 8) {
    left += <i32>popcnt(load<u64>(survivors + offset))
  }
  store<i32>(record, left)
  store<i32>(record, 0, 4)
  if (keep) measureBlocks()
  else measureOnce()
  return choose(left, count)
}

/** The same for a record that has been scanned before, from the changes `from` up to `to` in the log alone. */
export function update(at: usize, conditionCount: i32, weigherCount: i32, count: i32, from: i32, to: i32): i32 {
  open(at, conditionCount, weigherCount)
  replay(from, to)
  return choose(load<i32>(record), count)
}

/** Scores are computed anew when looking where they no longer point has cost as much as that would. */
function choose(left: i32, count: i32): i32 {
  if (left <= 1) {
    rankAlike(count)
    return left
  }
  measure()
  activate()
  if (currentEnd == current) {
    rankAlike(count)
    return left
  }
  if (load<i32>(record, 4) == 0 || load<i32>(record, 16) > blocks) scoreAll()
  else drift()
  rank(count)
  return left
}
