import {
  AT_LEAST,
  bitsOf,
  BLOCK,
  blocks,
  CONDITION_BYTES,
  conditions,
  HAS_NOT,
  highest,
  lanesOf,
  present,
  survivors,
} from './layout'

/**
 * Asks the conditions of every host, one after the other, and leaves the bitmap of those that passed all in
 * `survivors`. Each condition learns how many hosts it was the first to reject, and the most that any of these has of
 * the quantity asked for: at least 0, for a host has nothing rather than less.
 */
export function filter(count: i32): void {
  memory.copy(survivors, present, <usize>blocks << 3)
  for (let at = conditions, end = conditions + count * CONDITION_BYTES; at < end; at += CONDITION_BYTES) {
    const operation = load<i32>(at)
    const operand = <usize>load<u32>(at, 4)
    if (operation == AT_LEAST) keepAtLeast(at, operand, load<i32>(at, 8))
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
