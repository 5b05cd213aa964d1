import {
  BLOCK,
  blocks,
  lanesOf,
  MAX_WEIGHERS,
  peaks,
  scores,
  survivors,
  UNBOUNDED,
  WEIGHER_BYTES,
  weighers,
} from './layout'

/**
 * A weigher that tells hosts apart, made ready for the lanes, 32 bytes: i32 column address, i32 floor, i32 low,
 * f32 coefficient, f64 range, f64 multiplier.
 */
export const ACTIVE_BYTES: i32 = 32
export const active: usize = memory.data(MAX_WEIGHERS * ACTIVE_BYTES, 16)
export let activeCount: i32 = 0
/** No approximate score is farther from the exact one than this. */
export let error: f64 = 0

const MAX_LANES: v128 = i32x4.splat(i32.MAX_VALUE)
const MIN_LANES: v128 = i32x4.splat(i32.MIN_VALUE)
const NEVER: v128 = f32x4.splat(-Infinity)

/** Finds the range of each weigher over the survivors, and makes ready those whose range is not empty. */
export function measure(count: i32): void {
  activeCount = 0
  let total: f64 = 0
  for (let at = weighers, end = weighers + count * WEIGHER_BYTES; at < end; at += WEIGHER_BYTES) {
    const column = <usize>load<u32>(at)
    const floor = load<i32>(at, 4)
    measureColumn(at, column, floor)
    const low = load<i32>(at, 8)
    const high = load<i32>(at, 12)
    if (high <= low) continue
    const multiplier = load<f64>(at, 16)
    const range = <f64>(high - low)
    const to = active + activeCount * ACTIVE_BYTES
    store<u32>(to, <u32>column)
    store<i32>(to, floor, 4)
    store<i32>(to, low, 8)
    store<f32>(to, <f32>(multiplier / range), 12)
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

function measureColumn(at: usize, column: usize, floor: i32): void {
  const least = i32x4.splat(floor)
  let low = MAX_LANES
  let high = MIN_LANES
  for (let block: i32 = 0; block < blocks; block++) {
    const alive = load<u64>(survivors + (<usize>block << 3))
    if (alive == 0) continue
    const values = column + <usize>(block * BLOCK * 4)
    for (let group: i32 = 0; group < 16; group++) {
      const value = i32x4.max_s(v128.load(values + (<usize>group << 4)), least)
      const lanes = lanesOf(alive, group)
      low = i32x4.min_s(low, v128.bitselect(value, MAX_LANES, lanes))
      high = i32x4.max_s(high, v128.bitselect(value, MIN_LANES, lanes))
    }
  }
  const a = min(i32x4.extract_lane(low, 0), i32x4.extract_lane(low, 1))
  const b = min(i32x4.extract_lane(low, 2), i32x4.extract_lane(low, 3))
  const c = max(i32x4.extract_lane(high, 0), i32x4.extract_lane(high, 1))
  const d = max(i32x4.extract_lane(high, 2), i32x4.extract_lane(high, 3))
  store<i32>(at, floor == UNBOUNDED ? min(a, b) : floor, 8)
  store<i32>(at, max(c, d), 12)
}

/** Scores every survivor in f32, within `error` of the exact weight, and finds the highest score of each block. */
export function score(): void {
  for (let block: i32 = 0; block < blocks; block++) {
    const alive = load<u64>(survivors + (<usize>block << 3))
    let peak = NEVER
    if (alive != 0) {
      for (let sixteen: i32 = 0; sixteen < 4; sixteen++) {
        peak = f32x4.pmax(peak, scoreSixteen(<usize>(block * 256 + sixteen * 64), alive, sixteen << 2))
      }
    }
    const a = max(f32x4.extract_lane(peak, 0), f32x4.extract_lane(peak, 1))
    const b = max(f32x4.extract_lane(peak, 2), f32x4.extract_lane(peak, 3))
    store<f32>(peaks + (<usize>block << 2), max(a, b))
  }
}

// @ts-ignore: decorator
@inline
function scoreSixteen(offset: usize, alive: u64, group: i32): v128 {
  let a = f32x4.splat(0)
  let b = a
  let c = a
  let d = a
  for (let at = active, end = active + activeCount * ACTIVE_BYTES; at < end; at += ACTIVE_BYTES) {
    const values = <usize>load<u32>(at) + offset
    const floor = v128.load32_splat(at, 4)
    const low = v128.load32_splat(at, 8)
    const coefficient = v128.load32_splat(at, 12)
    a = f32x4.add(a, f32x4.mul(coefficient, above(v128.load(values), floor, low)))
    b = f32x4.add(b, f32x4.mul(coefficient, above(v128.load(values, 16), floor, low)))
    c = f32x4.add(c, f32x4.mul(coefficient, above(v128.load(values, 32), floor, low)))
    d = f32x4.add(d, f32x4.mul(coefficient, above(v128.load(values, 48), floor, low)))
  }
  a = v128.bitselect(a, NEVER, lanesOf(alive, group))
  b = v128.bitselect(b, NEVER, lanesOf(alive, group + 1))
  c = v128.bitselect(c, NEVER, lanesOf(alive, group + 2))
  d = v128.bitselect(d, NEVER, lanesOf(alive, group + 3))
  v128.store(scores + offset, a)
  v128.store(scores + offset, b, 16)
  v128.store(scores + offset, c, 32)
  v128.store(scores + offset, d, 48)
  return f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d))
}

// @ts-ignore: decorator
@inline
function above(value: v128, floor: v128, low: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.sub(i32x4.max_s(value, floor), low))
}

/** A host's weight as Nova computes it: f64, the weighers in their order. */
export function weigh(slot: i32): f64 {
  let weight: f64 = 0
  for (let at = active, end = active + activeCount * ACTIVE_BYTES; at < end; at += ACTIVE_BYTES) {
    const value = max(load<i32>(<usize>load<u32>(at) + (<usize>slot << 2)), load<i32>(at, 4))
    weight += load<f64>(at, 24) * (<f64>(value - load<i32>(at, 8)) / load<f64>(at, 16))
  }
  return weight
}
