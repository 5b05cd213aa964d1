/**
 * The scheduler's inner loop: which hosts pass, which weigh most, and how many failed what. It allocates nothing and
 * calls nothing; layout.ts says what it reads and writes.
 */
import { filter } from './filter'
import { blocks, conditions as conditionsAt, ranking as rankingAt, survivors, weighers as weighersAt } from './layout'
import { rank, rankAlike } from './rank'
import { activeCount, measure, score } from './weigh'

export {
  bind,
  CONDITION_BYTES,
  MAX_CONDITIONS,
  MAX_RANKED,
  MAX_WEIGHERS,
  RANK_BYTES,
  UNBOUNDED,
  WEIGHER_BYTES,
} from './layout'

/** Addresses that the host program fills and reads; from `heap` on, memory is its own to lay out. */
export const conditions: usize = conditionsAt
export const weighers: usize = weighersAt
export const ranking: usize = rankingAt
export const heap: usize = __heap_base

/**
 * Filters all hosts by the first `conditionCount` conditions, weighs those left by the first `weigherCount` weighers,
 * and ranks up to `count` of them (1…MAX_RANKED). Returns how many hosts are left. As in Nova, a single one is not
 * weighed.
 */
export function scan(conditionCount: i32, weigherCount: i32, count: i32): i32 {
  filter(conditionCount)
  let left: i32 = 0
  for (let block: i32 = 0; block < blocks; block++) left += <i32>popcnt(load<u64>(survivors + (<usize>block << 3)))
  measure(left > 1 ? weigherCount : 0)
  if (activeCount > 0) {
    score()
    rank(count)
  } else {
    rankAlike(count)
  }
  return left
}
