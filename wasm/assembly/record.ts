import { CONDITION_BYTES, room, WEIGHER_BYTES } from './layout'

/**
 * A record: one request in the words of the core, and what it found out block by block. A plain scan uses a record once;
 * that of a request that comes again is kept, and only brought up to date.
 *
 *     header   0 i32 hosts left   4 i32 1: `peaks` are up to date   8 f64 error that the scores of `peaks` have beside
 *              their relative one  16 i32 blocks that were looked at for nothing since `peaks` were computed
 *     weighers, conditions        see layout.ts
 *     survivors                   u64 per block: the hosts that pass every condition
 *     peaks                       f32 per block: the highest score of a survivor; -Infinity for none
 *     highs, lows                 f32 per block and weigher: the range of the survivors' values
 *     failed                      u64 per block and condition: the hosts for which this is the first they fail
 */
export const HEADER_BYTES: usize = 32

export let record: usize = 0
export let conditions: usize = 0
export let conditionsEnd: usize = 0
export let weighers: usize = 0
export let weighersEnd: usize = 0
export let survivors: usize = 0
export let peaks: usize = 0
export let highs: usize = 0
export let lows: usize = 0
export let failed: usize = 0

/** Makes the record at this address the one that everything here works on. */
export function open(at: usize, conditionCount: i32, weigherCount: i32): void {
  const perBlock = <usize>room << 2
  record = at
  weighers = at + HEADER_BYTES
  weighersEnd = weighers + weigherCount * WEIGHER_BYTES
  conditions = weighersEnd
  conditionsEnd = conditions + conditionCount * CONDITION_BYTES
  survivors = conditionsEnd
  peaks = survivors + perBlock * 2
  highs = peaks + perBlock
  lows = highs + perBlock * weigherCount
  failed = lows + perBlock * weigherCount
}

// @ts-ignore: decorator
@inline
export function survivorsOf(block: i32): u64 {
  return load<u64>(survivors + (<usize>block << 3))
}
