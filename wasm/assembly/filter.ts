import {
  AT_LEAST,
  bitsOf,
  BLOCK,
  blocks,
  CONDITION_BYTES,
  conditions,
  HAS_NOT,
  lanesOf,
  present,
  survivors,
} from './layout'

const LOWEST: v128 = i32x4.splat(i32.MIN_VALUE)

/**
 * Asks the conditions of every host, one after the other, and leaves the bitmap of those that passed all in
 * `survivors`. Each condition learns how many hosts it was the first to reject, and the most that any of these has of
 * the quantity asked for.
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
  let nearest = LOWEST
  for (let block: i32 = 0; block < blocks; block++) {
    const word = survivors + (<usize>block << 3)
    const alive = load<u64>(word)
    if (alive == 0) continue
    const values = column + <usize>(block * BLOCK * 4)
    let enough: u64 = 0
    for (let sixteen: i32 = 0; sixteen < 4; sixteen++) {
      const four = values + (<usize>sixteen << 6)
      enough |=
        bitsOf(
          i32x4.ge_s(v128.load(four), wanted),
          i32x4.ge_s(v128.load(four, 16), wanted),
          i32x4.ge_s(v128.load(four, 32), wanted),
          i32x4.ge_s(v128.load(four, 48), wanted),
        ) << (<u64>sixteen << 4)
    }
    const failed = alive & ~enough
    if (failed == 0) continue
    rejected += <i32>popcnt(failed)
    store<u64>(word, alive & enough)
    for (let group: i32 = 0; group < 16; group++) {
      const value = v128.load(values + (<usize>group << 4))
      nearest = i32x4.max_s(nearest, v128.bitselect(value, LOWEST, lanesOf(failed, group)))
    }
  }
  store<i32>(at, rejected, 12)
  store<i32>(at, highest(nearest), 16)
}

function highest(lanes: v128): i32 {
  const a = max(i32x4.extract_lane(lanes, 0), i32x4.extract_lane(lanes, 1))
  return max(a, max(i32x4.extract_lane(lanes, 2), i32x4.extract_lane(lanes, 3)))
}
