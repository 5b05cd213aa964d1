import {
  BLOCK,
  blocks,
  highest,
  lanesOf,
  lowest,
  MAX_WEIGHERS,
  peaks,
  scores,
  survivors,
  UNBOUNDED,
  WEIGHER_BYTES,
  weighers,
} from './layout'

/**
 * A weigher that tells hosts apart, made ready for the lanes, 32 bytes: i32 column address, i32 low, f32 coefficient,
 * i32 unused, f64 range, f64 multiplier. Its value of a host is what the host has above `low`, at least 0: a weigher
 * without a floor has the lowest survivor for one, and so has the same form.
 */
export const ACTIVE_BYTES: i32 = 32
export const active: usize = memory.data(MAX_WEIGHERS * ACTIVE_BYTES, 16)
export let activeCount: i32 = 0
/** No approximate score is farther from the exact one than this. */
export let error: f64 = 0

const HIGHEST: v128 = i32x4.splat(i32.MAX_VALUE)
const NEVER: v128 = f32x4.splat(-Infinity)

/** Finds the range of each weigher over the survivors, and makes ready those whose range is not empty. */
export function measure(count: i32): void {
  activeCount = 0
  if (count == 0) return
  spread()
  let total: f64 = 0
  for (let at = weighers, end = weighers + count * WEIGHER_BYTES; at < end; at += WEIGHER_BYTES) {
    const column = <usize>load<u32>(at)
    const floor = load<i32>(at, 4)
    const low = floor == UNBOUNDED ? lowestOf(column) : floor
    const high = highestOf(column, low)
    store<i32>(at, low, 8)
    store<i32>(at, high, 12)
    if (high <= low) continue
    const multiplier = load<f64>(at, 16)
    const range = <f64>(high - low)
    const to = active + activeCount * ACTIVE_BYTES
    store<u32>(to, <u32>column)
    store<i32>(to, low, 4)
    store<f32>(to, <f32>(multiplier / range), 8)
    store<f64>(to, range, 16)
    store<f64>(to, multiplier, 24)
    activeCount++
    total += Math.abs(multiplier)
  }
  // Each term is an exact i32 difference, rounded on conversion, by its coefficient and by the product: 3 roundings;
  // the sum rounds once per term; 3 more cover the rounding of bounds that are compared with scores. One rounding to
  // f32 is at most 2^-24 of a value that never passes `total`.
  error = total * <f64>(activeCount + 6) * (1.0 / 16777216.0)
}

/** Marks rejected hosts in `scores`. -Infinity is the sign bit and more, so that it also serves as a mask. */
function spread(): void {
  for (let block: i32 = 0; block < blocks; block++) {
    const rejected = ~load<u64>(survivors + (<usize>block << 3))
    const to = scores + <usize>(block * BLOCK * 4)
    for (let group: i32 = 0, four = to; group < 16; group += 4, four += 64) {
      v128.store(four, v128.and(lanesOf(rejected, group), NEVER))
      v128.store(four, v128.and(lanesOf(rejected, group + 1), NEVER), 16)
      v128.store(four, v128.and(lanesOf(rejected, group + 2), NEVER), 32)
      v128.store(four, v128.and(lanesOf(rejected, group + 3), NEVER), 48)
    }
  }
}

/** The highest value of a survivor, or `low`. No difference of two values overflows: see QUANTITY_MIN. */
function highestOf(column: usize, low: i32): i32 {
  const least = i32x4.splat(low)
  let above = i32x4.splat(0)
  for (let offset: usize = 0, end = <usize>(blocks * BLOCK * 4); offset < end; offset += 64) {
    const values = column + offset
    const marks = scores + offset
    // A rejected host's difference turns negative by its mark.
    const a = v128.or(i32x4.sub(v128.load(values), least), v128.load(marks))
    const b = v128.or(i32x4.sub(v128.load(values, 16), least), v128.load(marks, 16))
    const c = v128.or(i32x4.sub(v128.load(values, 32), least), v128.load(marks, 32))
    const d = v128.or(i32x4.sub(v128.load(values, 48), least), v128.load(marks, 48))
    above = i32x4.max_s(above, i32x4.max_s(i32x4.max_s(a, b), i32x4.max_s(c, d)))
  }
  return low + highest(above)
}

function lowestOf(column: usize): i32 {
  let low = HIGHEST
  for (let offset: usize = 0, end = <usize>(blocks * BLOCK * 4); offset < end; offset += 16) {
    const rejected = i32x4.shr_s(v128.load(scores + offset), 31)
    low = i32x4.min_s(low, v128.bitselect(HIGHEST, v128.load(column + offset), rejected))
  }
  return lowest(low)
}

/** Scores every survivor in f32, within `error` of the exact weight, and finds the highest score of each block. */
export function score(): void {
  for (let block: i32 = 0; block < blocks; block++) {
    const offset = <usize>(block * BLOCK * 4)
    let peak = NEVER
    // A block without survivors is marked all through.
    if (load<u64>(survivors + (<usize>block << 3)) != 0) {
      const a = f32x4.pmax(scoreSixteen(offset), scoreSixteen(offset + 64))
      const b = f32x4.pmax(scoreSixteen(offset + 128), scoreSixteen(offset + 192))
      peak = f32x4.pmax(a, b)
    }
    const a = max(f32x4.extract_lane(peak, 0), f32x4.extract_lane(peak, 1))
    const b = max(f32x4.extract_lane(peak, 2), f32x4.extract_lane(peak, 3))
    store<f32>(peaks + (<usize>block << 2), max(a, b))
  }
}

function scoreSixteen(offset: usize): v128 {
  const to = scores + offset
  let a = v128.load(to)
  let b = v128.load(to, 16)
  let c = v128.load(to, 32)
  let d = v128.load(to, 48)
  for (let at = active, end = active + activeCount * ACTIVE_BYTES; at < end; at += ACTIVE_BYTES) {
    const values = <usize>load<u32>(at) + offset
    const low = v128.load32_splat(at, 4)
    const coefficient = v128.load32_splat(at, 8)
    a = f32x4.add(a, f32x4.mul(coefficient, above(v128.load(values), low)))
    b = f32x4.add(b, f32x4.mul(coefficient, above(v128.load(values, 16), low)))
    c = f32x4.add(c, f32x4.mul(coefficient, above(v128.load(values, 32), low)))
    d = f32x4.add(d, f32x4.mul(coefficient, above(v128.load(values, 48), low)))
  }
  v128.store(to, a)
  v128.store(to, b, 16)
  v128.store(to, c, 32)
  v128.store(to, d, 48)
  return f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d))
}

// @ts-ignore: decorator
@inline
function above(value: v128, low: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.sub(i32x4.max_s(value, low), low))
}

/** A host's weight as Nova computes it: f64, the weighers in their order. */
export function weigh(slot: i32): f64 {
  let weight: f64 = 0
  for (let at = active, end = active + activeCount * ACTIVE_BYTES; at < end; at += ACTIVE_BYTES) {
    const low = load<i32>(at, 4)
    const value = max(load<i32>(<usize>load<u32>(at) + (<usize>slot << 2)), low)
    weight += load<f64>(at, 24) * (<f64>(value - low) / load<f64>(at, 16))
  }
  return weight
}
