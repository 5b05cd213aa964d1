import { BLOCK, blocks, highest, MAX_WEIGHERS, REAL, WEIGHER_BYTES } from './layout'
import { peaks, record, survivorsOf, weighers, weighersEnd } from './record'

/**
 * A weigher that tells hosts apart, ready for use, 64 bytes:
 *
 *      0 u32 f32 column          4 f32 coefficient         8 f32 low       12 u32 f32 column of multipliers, or 0
 *     16 f64 range              24 f64 multiplier         32 f64 low       40 u32 column of exact values
 *     44 i32 REAL or not        48 u32 f64 column of multipliers
 */
export const ACTIVE_BYTES: i32 = 64
/** Weighers by the ranges as they are now. */
export const current: usize = memory.data(MAX_WEIGHERS * ACTIVE_BYTES, 16)
export let currentEnd: usize = current
/** Weighers by the ranges that the scores in `peaks` are from. */
export const past: usize = memory.data(MAX_WEIGHERS * ACTIVE_BYTES, 16)
export let pastEnd: usize = past

/** The scores of the block that was scored last, NaN in place of hosts that are no survivors. */
export const scores: usize = memory.data(BLOCK * 4, 16)

/** A score is within `errorOf(score)` of the exact weight. */
let relative: f64 = 0
let absolute: f64 = 0
let positive: f64 = 0

/** By how much a weight may lie above, or below, what the ranges of the scores in `peaks` make of it. */
export let rise: f64 = 0
export let fall: f64 = 0

/**
 * Makes ready the weighers whose range is not empty.
 *
 * Each term is rounded at most three times (value, coefficient, product), the sum once per term; a few more cover the
 * rounding of bounds that are compared with scores. One rounding to f32 is at most 2^-24 of the terms' sizes, which add
 * up to twice the positive ones less the weight: so a multiplier of -1e6 costs no precision where it matters, among the
 * best. Values that are no whole numbers below 2^24 are themselves rounded.
 */
export function activate(): void {
  currentEnd = current
  relative = <f64>(8 + (weighersEnd - weighers) / WEIGHER_BYTES) * (1.0 / 16777216.0)
  absolute = 0
  positive = 0
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES) {
    const multiplier = load<f64>(at, 16)
    const varied = load<u32>(at, 48) != 0
    positive += varied ? Math.abs(multiplier) : max(multiplier, 0)
    const low = load<f64>(at, 32)
    const range = load<f64>(at, 40) - low
    if (range > 0) currentEnd = enter(currentEnd, at, (varied ? 1.0 : multiplier) / range, low, range)
    const size = max(Math.abs(low), Math.abs(low + range))
    if (range > 0 && (load<i32>(at, 8) == REAL || size >= 16777216.0)) {
      absolute += (4.0 / 16777216.0) * Math.abs(multiplier) * (size / range)
    }
  }
}

/** Makes ready the weighers by the ranges that the scores in `peaks` are from. */
export function recall(): void {
  pastEnd = past
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES) {
    const coefficient = load<f64>(at, 72)
    store<f32>(at, <f32>coefficient, 88)
    store<f32>(at, <f32>load<f64>(at, 80), 92)
    // No value is rounded below the floor.
    store<f32>(at, load<i32>(at, 12) != 0 ? <f32>load<f64>(at, 24) : <f32>-Infinity, 96)
    if (coefficient != 0) pastEnd = enter(pastEnd, at, coefficient, load<f64>(at, 80), 0)
  }
}

function enter(to: usize, at: usize, coefficient: f64, low: f64, range: f64): usize {
  store<u32>(to, load<u32>(at))
  store<f32>(to, <f32>coefficient, 4)
  store<f32>(to, <f32>low, 8)
  store<u32>(to, load<u32>(at, 48), 12)
  store<f64>(to, range, 16)
  store<f64>(to, load<f64>(at, 16), 24)
  store<f64>(to, low, 32)
  store<u32>(to, load<u32>(at, 4), 40)
  store<i32>(to, load<i32>(at, 8), 44)
  store<u32>(to, load<u32>(at, 52), 48)
  return to + ACTIVE_BYTES
}

export function errorOf(score: f64): f64 {
  return relative * max(2.0 * positive - score, positive) + absolute
}

/** Scores all survivors by the ranges as they are now: the peak of every block. */
export function scoreAll(): void {
  for (let block: i32 = 0; block < blocks; block++) {
    store<f32>(peaks + (<usize>block << 2), survivorsOf(block) == 0 ? <f32>-Infinity : peakOf(current, currentEnd, block))
  }
  for (let block = blocks; block & 3; block++) store<f32>(peaks + (<usize>block << 2), -Infinity)
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES) {
    const low = load<f64>(at, 32)
    const range = load<f64>(at, 40) - low
    store<f64>(at, range > 0 ? load<f64>(at, 16) / range : 0, 72)
    store<f64>(at, low, 80)
  }
  store<i32>(record, 1, 4)
  store<f64>(record, absolute, 8)
  store<i32>(record, 0, 16)
  rise = 0
  fall = 0
}

/**
 * How far weights have moved since the scores in `peaks`. A term is linear in a host's value, before and now, so that
 * the ends of the range move most. What the past scores may be wrong by counts as error.
 */
export function drift(): void {
  rise = 0
  fall = 0
  let size: f64 = 0
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES) {
    const before = load<f64>(at, 72)
    const low = load<f64>(at, 32)
    const high = load<f64>(at, 40)
    const range = high - low
    if (range < 0) continue
    const atLow = -before * (low - load<f64>(at, 80))
    const atHigh = (range > 0 ? load<f64>(at, 16) : 0) - before * (high - load<f64>(at, 80))
    rise += max(atLow, atHigh)
    fall += min(atLow, atHigh)
    size += max(Math.abs(atLow), Math.abs(atHigh))
  }
  absolute = max(absolute, load<f64>(record, 8)) + relative * size
}

/** The highest score of a survivor of the block, within `errorOf` of its exact weight. */
export function peakOf(table: usize, end: usize, block: i32): f32 {
  const alive = survivorsOf(block)
  const first = scoreHalf(table, end, <usize>block << 8, <i32>alive, 0)
  const second = scoreHalf(table, end, (<usize>block << 8) + 128, <i32>(alive >> 32), 0)
  return highest(f32x4.pmax(first, second))
}

/** Writes the scores of a block. */
export function scoreBlock(block: i32): void {
  const alive = survivorsOf(block)
  scoreHalf(current, currentEnd, <usize>block << 8, <i32>alive, scores)
  scoreHalf(current, currentEnd, (<usize>block << 8) + 128, <i32>(alive >> 32), scores + 128)
}

/** Scores half a block, writes that `to` a place if there is one, and returns lanes of which one is the highest. */
// @ts-ignore: decorator
@inline
function scoreHalf(table: usize, end: usize, offset: usize, alive: i32, to: usize): v128 {
  let a = f32x4.splat(0)
  let b = f32x4.splat(0)
  let c = f32x4.splat(0)
  let d = f32x4.splat(0)
  let e = f32x4.splat(0)
  let f = f32x4.splat(0)
  let g = f32x4.splat(0)
  let h = f32x4.splat(0)
  for (let at = table; at < end; at += ACTIVE_BYTES) {
    const values = <usize>load<u32>(at) + offset
    const coefficient = v128.load32_splat(at, 4)
    if (load<u32>(at, 12) != 0) {
      const multipliers = <usize>load<u32>(at, 12) + offset
      const low = v128.load32_splat(at, 8)
      a = f32x4.add(a, varied(values, multipliers, coefficient, low))
      b = f32x4.add(b, varied(values + 16, multipliers + 16, coefficient, low))
      c = f32x4.add(c, varied(values + 32, multipliers + 32, coefficient, low))
      d = f32x4.add(d, varied(values + 48, multipliers + 48, coefficient, low))
      e = f32x4.add(e, varied(values + 64, multipliers + 64, coefficient, low))
      f = f32x4.add(f, varied(values + 80, multipliers + 80, coefficient, low))
      g = f32x4.add(g, varied(values + 96, multipliers + 96, coefficient, low))
      h = f32x4.add(h, varied(values + 112, multipliers + 112, coefficient, low))
    } else if (load<f32>(at, 8) == 0) {
      a = f32x4.add(a, f32x4.mul(coefficient, v128.load(values)))
      b = f32x4.add(b, f32x4.mul(coefficient, v128.load(values, 16)))
      c = f32x4.add(c, f32x4.mul(coefficient, v128.load(values, 32)))
      d = f32x4.add(d, f32x4.mul(coefficient, v128.load(values, 48)))
      e = f32x4.add(e, f32x4.mul(coefficient, v128.load(values, 64)))
      f = f32x4.add(f, f32x4.mul(coefficient, v128.load(values, 80)))
      g = f32x4.add(g, f32x4.mul(coefficient, v128.load(values, 96)))
      h = f32x4.add(h, f32x4.mul(coefficient, v128.load(values, 112)))
    } else {
      const low = v128.load32_splat(at, 8)
      a = f32x4.add(a, f32x4.mul(coefficient, f32x4.sub(v128.load(values), low)))
      b = f32x4.add(b, f32x4.mul(coefficient, f32x4.sub(v128.load(values, 16), low)))
      c = f32x4.add(c, f32x4.mul(coefficient, f32x4.sub(v128.load(values, 32), low)))
      d = f32x4.add(d, f32x4.mul(coefficient, f32x4.sub(v128.load(values, 48), low)))
      e = f32x4.add(e, f32x4.mul(coefficient, f32x4.sub(v128.load(values, 64), low)))
      f = f32x4.add(f, f32x4.mul(coefficient, f32x4.sub(v128.load(values, 80), low)))
      g = f32x4.add(g, f32x4.mul(coefficient, f32x4.sub(v128.load(values, 96), low)))
      h = f32x4.add(h, f32x4.mul(coefficient, f32x4.sub(v128.load(values, 112), low)))
    }
  }
  const bits = i32x4.splat(alive)
  a = v128.or(a, marked(bits, i32x4(0x1, 0x2, 0x4, 0x8)))
  b = v128.or(b, marked(bits, i32x4(0x10, 0x20, 0x40, 0x80)))
  c = v128.or(c, marked(bits, i32x4(0x100, 0x200, 0x400, 0x800)))
  d = v128.or(d, marked(bits, i32x4(0x1000, 0x2000, 0x4000, 0x8000)))
  e = v128.or(e, marked(bits, i32x4(0x10000, 0x20000, 0x40000, 0x80000)))
  f = v128.or(f, marked(bits, i32x4(0x100000, 0x200000, 0x400000, 0x800000)))
  g = v128.or(g, marked(bits, i32x4(0x1000000, 0x2000000, 0x4000000, 0x8000000)))
  h = v128.or(h, marked(bits, i32x4(0x10000000, 0x20000000, 0x40000000, 0x80000000)))
  if (to != 0) {
    v128.store(to, a)
    v128.store(to, b, 16)
    v128.store(to, c, 32)
    v128.store(to, d, 48)
    v128.store(to, e, 64)
    v128.store(to, f, 80)
    v128.store(to, g, 96)
    v128.store(to, h, 112)
  }
  // pmax keeps its first operand where the second is NaN.
  const lowest = f32x4.splat(-Infinity)
  const one = f32x4.pmax(f32x4.pmax(f32x4.pmax(f32x4.pmax(lowest, a), c), e), g)
  const other = f32x4.pmax(f32x4.pmax(f32x4.pmax(f32x4.pmax(lowest, b), d), f), h)
  return f32x4.pmax(one, other)
}

/** All ones where the host is no survivor: NaN. */
// @ts-ignore: decorator
@inline
function marked(bits: v128, hosts: v128): v128 {
  return i32x4.eq(v128.and(bits, hosts), i32x4.splat(0))
}

/** The term of a weigher whose multiplier is not the same for all hosts. */
// @ts-ignore: decorator
@inline
function varied(values: usize, multipliers: usize, coefficient: v128, low: v128): v128 {
  return f32x4.mul(v128.load(multipliers), f32x4.mul(coefficient, f32x4.sub(v128.load(values), low)))
}

/** A host's weight as Nova computes it: f64, the weighers in their order. */
export function weigh(slot: i32): f64 {
  let weight: f64 = 0
  for (let at = current; at < currentEnd; at += ACTIVE_BYTES) {
    const low = load<f64>(at, 32)
    const column = <usize>load<u32>(at, 40)
    const value =
      load<i32>(at, 44) == REAL ? load<f64>(column + (<usize>slot << 3)) : <f64>load<i32>(column + (<usize>slot << 2))
    const multipliers = <usize>load<u32>(at, 48)
    const multiplier = multipliers != 0 ? load<f64>(multipliers + (<usize>slot << 3)) : load<f64>(at, 24)
    weight += multiplier * ((max(value, low) - low) / load<f64>(at, 16))
  }
  return weight
}
