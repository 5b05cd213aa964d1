import {
  AT_LEAST,
  AT_MOST,
  bitsOf,
  BLOCK,
  blocks,
  CONDITION_BYTES,
  conditions,
  HAS_NOT,
  highest,
  lanesOf,
  lowest,
  present,
  survivors,
} from './layout'

/**
 * Asks the conditions of every host, one after the other, and leaves the bitmap of those that passed all in
 * `survivors`. Each condition learns how many hosts it was the first to reject, and which value of these came nearest:
 * the most of a quantity asked for, at least 0, for a host has nothing rather than less; the least where there is a limit.
 */
export function filter(count: i32): void {
  memory.copy(survivors, present, <usize>blocks << 3)
  for (let at = conditions, end = conditions + count * CONDITION_BYTES; at < end; at += CONDITION_BYTES) {
    const operation = load<i32>(at)
    const operand = <usize>load<u32>(at, 4)
    if (operation == AT_LEAST) keepAtLeast(at, operand, load<i32>(at, 8))
    else if (operation == AT_MOST) keepAtMost(at, operand, load<i32>(at, 8))
    else keepMarked(at, operand, operation == HAS_NOT ? ~0 : 0)
  }
}

/** Keeps the hosts whose bit is set, or with `flip` of all ones those whose bit is not. */
function keepMarked(at: usize, bitmap: usize, flip: u64): void {
  let rejected: i32 = 0
  for (let block: i32 = 0; block < blocks; block++) {
    const offset = <usize>block << 3
    const alive = load<u64>(survivors + offset)
    const marked = load<u64>(bitmap + offset) ^ flip
    rejected += <i32>popcnt(alive & ~marked)
    store<u64>(survivors + offset, alive & marked)
  }
  store<i32>(at, rejected, 12)
}

/** Keeps the hosts that have at least `amount` in the column. */
function keepAtLeast(at: usize, column: usize, amount: i32): void {
  const wanted = i32x4.splat(amount)
  let rejected: i32 = 0
  let nearest = i32x4.splat(0)
  for (let block: i32 = 0; block < blocks; block++) {
    const word = survivors + (<usize>block << 3)
    const alive = load<u64>(word)
    if (alive == 0) continue
    const values = column + <usize>(block * BLOCK * 4)
    const enough =
      sixteenAtLeast(values, wanted) |
      (sixteenAtLeast(values + 64, wanted) << 16) |
      (sixteenAtLeast(values + 128, wanted) << 32) |
      (sixteenAtLeast(values + 192, wanted) << 48)
    const failed = alive & ~enough
    if (failed == 0) continue
    rejected += <i32>popcnt(failed)
    store<u64>(word, alive & enough)
    for (let group: i32 = 0, four = values; group < 16; group += 4, four += 64) {
      const a = i32x4.max_s(fourOf(four, failed, group), fourOf(four + 16, failed, group + 1))
      const b = i32x4.max_s(fourOf(four + 32, failed, group + 2), fourOf(four + 48, failed, group + 3))
      nearest = i32x4.max_s(nearest, i32x4.max_s(a, b))
    }
  }
  store<i32>(at, rejected, 12)
  store<i32>(at, highest(nearest), 16)
}

/** Keeps the hosts that have at most `amount` in the column. */
function keepAtMost(at: usize, column: usize, amount: i32): void {
  const limit = i32x4.splat(amount)
  let rejected: i32 = 0
  let nearest = i32x4.splat(i32.MAX_VALUE)
  for (let block: i32 = 0; block < blocks; block++) {
    const word = survivors + (<usize>block << 3)
    const values = column + <usize>(block * BLOCK * 4)
    const failed =
      load<u64>(word) &
      (sixteenAbove(values, limit) |
        (sixteenAbove(values + 64, limit) << 16) |
        (sixteenAbove(values + 128, limit) << 32) |
        (sixteenAbove(values + 192, limit) << 48))
    if (failed == 0) continue
    rejected += <i32>popcnt(failed)
    store<u64>(word, load<u64>(word) & ~failed)
    for (let group: i32 = 0, four = values; group < 16; group++, four += 16) {
      const value = v128.bitselect(v128.load(four), nearest, lanesOf(failed, group))
      nearest = i32x4.min_s(nearest, value)
    }
  }
  store<i32>(at, rejected, 12)
  store<i32>(at, lowest(nearest), 16)
}

/** Bits of the sixteen values that are more than `limit`. */
// @ts-ignore: decorator
@inline
function sixteenAbove(values: usize, limit: v128): u64 {
  return bitsOf(
    i32x4.gt_s(v128.load(values), limit),
    i32x4.gt_s(v128.load(values, 16), limit),
    i32x4.gt_s(v128.load(values, 32), limit),
    i32x4.gt_s(v128.load(values, 48), limit),
  )
}

/** Bits of the sixteen values that are `wanted` or more. */
// @ts-ignore: decorator
@inline
function sixteenAtLeast(values: usize, wanted: v128): u64 {
  return bitsOf(
    i32x4.ge_s(v128.load(values), wanted),
    i32x4.ge_s(v128.load(values, 16), wanted),
    i32x4.ge_s(v128.load(values, 32), wanted),
    i32x4.ge_s(v128.load(values, 48), wanted),
  )
}

/** Four values, 0 in place of those whose bit is not set. */
// @ts-ignore: decorator
@inline
function fourOf(values: usize, bits: u64, group: i32): v128 {
  return v128.and(v128.load(values), lanesOf(bits, group))
}
