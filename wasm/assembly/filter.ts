import { AT_LEAST, AT_MOST, bitsOf, blocks, CONDITION_BYTES, HAS_NOT, present, room } from './layout'
import { conditions, conditionsEnd, failed, survivors } from './record'

/** With so many known to have the nearest value, it is not worth counting more. */
const ENOUGH_HOLDERS: i32 = 32
/** So many hosts are sooner looked at one by one than as part of their block. */
const FEW: i32 = 6

/**
 * Asks the conditions of every host, one after the other, and leaves the bitmap of those that passed all in
 * `survivors`. Each condition learns how many hosts it was the first to reject, and which value of these came nearest:
 * the most of a quantity asked for, at least 0, for a host has nothing rather than less; the least where there is a limit.
 */
export function filter(): void {
  memory.copy(survivors, present, <usize>blocks << 3)
  let fails = failed
  for (let at = conditions; at < conditionsEnd; at += CONDITION_BYTES, fails += <usize>room << 3) {
    const operation = load<i32>(at)
    const operand = <usize>load<u32>(at, 4)
    if (operation == AT_LEAST) keepAtLeast(at, operand, load<i32>(at, 8), fails)
    else if (operation == AT_MOST) keepAtMost(at, operand, load<i32>(at, 8), fails)
    else keepMarked(at, operand, operation == HAS_NOT ? ~0 : 0, fails)
  }
}

/** Keeps the hosts whose bit is set, or with `flip` of all ones those whose bit is not. */
function keepMarked(at: usize, bitmap: usize, flip: u64, fails: usize): void {
  let rejected: i32 = 0
  for (let offset: usize = 0, end = <usize>blocks << 3; offset < end; offset += 8) {
    const alive = load<u64>(survivors + offset)
    const marked = load<u64>(bitmap + offset) ^ flip
    const out = alive & ~marked
    rejected += <i32>popcnt(out)
    store<u64>(fails + offset, out)
    store<u64>(survivors + offset, alive & marked)
  }
  store<i32>(at, rejected, 12)
}

/** Keeps the hosts that have at least `amount` in the column. */
function keepAtLeast(at: usize, column: usize, amount: i32, fails: usize): void {
  const wanted = i32x4.splat(amount)
  let rejected: i32 = 0
  let nearest: i32 = 0
  let values = column
  for (let offset: usize = 0, end = <usize>blocks << 3; offset < end; offset += 8, values += 256) {
    const alive = load<u64>(survivors + offset)
    const out = alive == 0 ? 0 : alive & ~atLeast(values, wanted)
    store<u64>(fails + offset, out)
    if (out == 0) continue
    const fallen = <i32>popcnt(out)
    rejected += fallen
    store<u64>(survivors + offset, alive & ~out)
    // Of what does not pass, no value is nearer than the amount less one.
    if (nearest >= amount - 1) continue
    let nearer = fallen <= FEW ? out : out & atLeast(values, i32x4.splat(nearest + 1))
    for (; nearer != 0; nearer &= nearer - 1) nearest = max(nearest, valueAt(values, nearer))
  }
  store<i32>(at, rejected, 12)
  store<i32>(at, nearest, 16)
  store<i32>(at, 1, 20)
}

/** Keeps the hosts that have at most `amount` in the column. */
function keepAtMost(at: usize, column: usize, amount: i32, fails: usize): void {
  const limit = i32x4.splat(amount)
  let rejected: i32 = 0
  let nearest: i32 = i32.MAX_VALUE
  let values = column
  for (let offset: usize = 0, end = <usize>blocks << 3; offset < end; offset += 8, values += 256) {
    const alive = load<u64>(survivors + offset)
    const out = alive == 0 ? 0 : alive & ~atMost(values, limit)
    store<u64>(fails + offset, out)
    if (out == 0) continue
    const fallen = <i32>popcnt(out)
    rejected += fallen
    store<u64>(survivors + offset, alive & ~out)
    if (nearest <= amount + 1) continue
    let nearer = fallen <= FEW ? out : out & atMost(values, i32x4.splat(nearest - 1))
    for (; nearer != 0; nearer &= nearer - 1) nearest = min(nearest, valueAt(values, nearer))
  }
  store<i32>(at, rejected, 12)
  store<i32>(at, nearest, 16)
  store<i32>(at, 1, 20)
}

/** Finds anew which value of the hosts that a condition rejected comes nearest, and how many have it. */
export function findNearest(at: usize, fails: usize): void {
  const least = load<i32>(at) == AT_LEAST
  let values = <usize>load<u32>(at, 4)
  let nearest: i32 = least ? 0 : i32.MAX_VALUE
  let holders: i32 = 0
  for (let offset: usize = 0, end = <usize>blocks << 3; offset < end; offset += 8, values += 256) {
    const out = load<u64>(fails + offset)
    if (out == 0) continue
    const more = i32(holders >= ENOUGH_HOLDERS)
    let near = least
      ? nearest > 0 || more
        ? out & atLeast(values, i32x4.splat(nearest + more))
        : out
      : out & atMost(values, i32x4.splat(nearest - more))
    for (; near != 0; near &= near - 1) {
      const value = valueAt(values, near)
      const clamped = least ? max(value, 0) : value
      if (clamped == nearest) {
        holders++
        continue
      }
      if (least ? clamped < nearest : clamped > nearest) continue
      nearest = clamped
      holders = 1
    }
  }
  store<i32>(at, nearest, 16)
  store<i32>(at, holders, 20)
}

/** The value of the first host in `bits`. */
// @ts-ignore: decorator
@inline
function valueAt(values: usize, bits: u64): i32 {
  return load<i32>(values + (<usize>ctz(bits) << 2))
}

/** Bits of the 64 values that are `wanted` or more. */
// @ts-ignore: decorator
@inline
function atLeast(values: usize, wanted: v128): u64 {
  return (
    sixteenAtLeast(values, wanted) |
    (sixteenAtLeast(values + 64, wanted) << 16) |
    (sixteenAtLeast(values + 128, wanted) << 32) |
    (sixteenAtLeast(values + 192, wanted) << 48)
  )
}

/** Bits of the 64 values that are no more than `limit`. */
// @ts-ignore: decorator
@inline
function atMost(values: usize, limit: v128): u64 {
  return (
    sixteenAtMost(values, limit) |
    (sixteenAtMost(values + 64, limit) << 16) |
    (sixteenAtMost(values + 128, limit) << 32) |
    (sixteenAtMost(values + 192, limit) << 48)
  )
}

// @ts-ignore: decorator
@inline
function sixteenAtMost(values: usize, limit: v128): u64 {
  return bitsOf(
    i32x4.le_s(v128.load(values), limit),
    i32x4.le_s(v128.load(values, 16), limit),
    i32x4.le_s(v128.load(values, 32), limit),
    i32x4.le_s(v128.load(values, 48), limit),
  )
}

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
