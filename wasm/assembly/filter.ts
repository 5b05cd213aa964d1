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
  // There is an instruction for more and for less, and none for as much.
  const less = i32x4.splat(amount - 1)
  let rejected: i32 = 0
  let nearest: i32 = 0
  let values = column
  for (let offset: usize = 0, end = <usize>blocks << 3; offset < end; offset += 8, values += 256) {
    const alive = load<u64>(survivors + offset)
    const out = alive == 0 ? 0 : alive & ~above(values, less)
    store<u64>(fails + offset, out)
    if (out == 0) continue
    const fallen = <i32>popcnt(out)
    rejected += fallen
    store<u64>(survivors + offset, alive & ~out)
    // Of what does not pass, no value is nearer than the amount less one.
    if (nearest >= amount - 1) continue
    let nearer = fallen <= FEW ? out : out & above(values, i32x4.splat(nearest))
    for (; nearer != 0; nearer &= nearer - 1) nearest = max(nearest, valueAt(values, nearer))
  }
  store<i32>(at, rejected, 12)
  store<i32>(at, nearest, 16)
  store<i32>(at, 1, 20)
}

/** Keeps the hosts that have at most `amount` in the column. */
function keepAtMost(at: usize, column: usize, amount: i32, fails: usize): void {
  const more = i32x4.splat(amount + 1)
  let rejected: i32 = 0
  let nearest: i32 = i32.MAX_VALUE
  let values = column
  for (let offset: usize = 0, end = <usize>blocks << 3; offset < end; offset += 8, values += 256) {
    const alive = load<u64>(survivors + offset)
    const out = alive == 0 ? 0 : alive & ~below(values, more)
    store<u64>(fails + offset, out)
    if (out == 0) continue
    const fallen = <i32>popcnt(out)
    rejected += fallen
    store<u64>(survivors + offset, alive & ~out)
    if (nearest <= amount + 1) continue
    let nearer = fallen <= FEW ? out : out & below(values, i32x4.splat(nearest))
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
    const nearer = holders >= ENOUGH_HOLDERS
    let near = out
    if (least && (nearest > 0 || nearer)) near &= above(values, i32x4.splat(nearer ? nearest : nearest - 1))
    if (!least && (nearest < i32.MAX_VALUE || nearer)) near &= below(values, i32x4.splat(nearer ? nearest : nearest + 1))
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

/** Bits of the 64 values that are more than `less`. */
// @ts-ignore: decorator
@inline
function above(values: usize, less: v128): u64 {
  return (
    sixteenAbove(values, less) |
    (sixteenAbove(values + 64, less) << 16) |
    (sixteenAbove(values + 128, less) << 32) |
    (sixteenAbove(values + 192, less) << 48)
  )
}

/** Bits of the 64 values that are less than `more`. */
// @ts-ignore: decorator
@inline
function below(values: usize, more: v128): u64 {
  return (
    sixteenBelow(values, more) |
    (sixteenBelow(values + 64, more) << 16) |
    (sixteenBelow(values + 128, more) << 32) |
    (sixteenBelow(values + 192, more) << 48)
  )
}

// @ts-ignore: decorator
@inline
function sixteenBelow(values: usize, more: v128): u64 {
  return bitsOf(
    i32x4.lt_s(v128.load(values), more),
    i32x4.lt_s(v128.load(values, 16), more),
    i32x4.lt_s(v128.load(values, 32), more),
    i32x4.lt_s(v128.load(values, 48), more),
  )
}

// @ts-ignore: decorator
@inline
function sixteenAbove(values: usize, less: v128): u64 {
  return bitsOf(
    i32x4.gt_s(v128.load(values), less),
    i32x4.gt_s(v128.load(values, 16), less),
    i32x4.gt_s(v128.load(values, 32), less),
    i32x4.gt_s(v128.load(values, 48), less),
  )
}
