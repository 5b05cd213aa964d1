import { bitsOf, BLOCK, blocks, highest, lowest, REAL, room, WEIGHER_BYTES } from './layout'
import { highs, lows, survivorsOf, weighers, weighersEnd } from './record'

/** Below this every whole number is one in f32 too. */
const EXACT_IN_F32: f32 = 16777216

/** So many hosts are sooner looked at one by one than as part of their block. */
const FEW: i32 = 6

const LOWEST: v128 = f32x4.splat(-Infinity)
const HIGHEST: v128 = f32x4.splat(Infinity)

/** For each of 64 hosts: all ones where it is no survivor. As an f32 that is NaN, which pmax and pmin pass over. */
export const marks: usize = memory.data(BLOCK * 4, 16)

/** Finds the range of each weigher over the survivors of each block. */
export function measureBlocks(): void {
  for (let block: i32 = 0; block < blocks; block++) measureBlock(block)
  for (let at = weighers, column = highs; at < weighersEnd; at += WEIGHER_BYTES, column += <usize>room << 2) {
    for (let block = blocks; block & 3; block++) {
      store<f32>(column + (<usize>block << 2), -Infinity)
      store<f32>(column + (lows - highs) + (<usize>block << 2), Infinity)
    }
    store<i32>(at, 1, 60)
  }
}

/**
 * Finds the range of each weigher over all survivors, and no block's. Where it is known that a block has nothing beyond
 * what was found before, of whatever hosts, its values are not read; else it is known afterwards.
 */
export function measureOnce(): void {
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES) {
    const values = <usize>load<u32>(at)
    const bounded = load<i32>(at, 12) != 0
    const high = highestSurvivor(values, <usize>load<u32>(at, 104))
    store<f32>(at, high, 64)
    store<f64>(at, exact(at, 0, high, true), 40)
    store<i32>(at, 0, 60)
    if (bounded) {
      store<f64>(at, load<f64>(at, 24), 32)
      continue
    }
    const low = lowestSurvivor(values, <usize>load<u32>(at, 108))
    store<f32>(at, low, 68)
    store<f64>(at, exact(at, 0, low, false), 32)
  }
}

function highestSurvivor(column: usize, ceilings: usize): f32 {
  let high: f32 = -Infinity
  let bar = LOWEST
  for (let four: i32 = 0; four < blocks; four += 4) {
    let likely = ceilings == 0 ? 15 : i32x4.bitmask(f32x4.gt(v128.load(ceilings + (<usize>four << 2)), bar))
    for (; likely != 0; likely &= likely - 1) {
      const block = four + ctz(likely)
      if (block >= blocks) break
      const values = column + (<usize>block << 8)
      const top = f32x4.pmax(
        f32x4.pmax(highestOfSixteen(values), highestOfSixteen(values + 64)),
        f32x4.pmax(highestOfSixteen(values + 128), highestOfSixteen(values + 192)),
      )
      if (ceilings != 0) store<f32>(ceilings + (<usize>block << 2), highest(top))
      if (!v128.any_true(f32x4.gt(top, bar))) continue
      let higher = survivorsOf(block)
      higher &=
        sixteenAbove(values, bar) |
        (sixteenAbove(values + 64, bar) << 16) |
        (sixteenAbove(values + 128, bar) << 32) |
        (sixteenAbove(values + 192, bar) << 48)
      if (higher == 0) continue
      if (<i32>popcnt(higher) > FEW) {
        mark(higher)
        high = highestOf(values)
      } else for (; higher != 0; higher &= higher - 1) high = max(high, load<f32>(values + (<usize>ctz(higher) << 2)))
      bar = f32x4.splat(high)
    }
  }
  return high
}

function lowestSurvivor(column: usize, depths: usize): f32 {
  let low: f32 = Infinity
  let bar = HIGHEST
  for (let four: i32 = 0; four < blocks; four += 4) {
    let likely = depths == 0 ? 15 : i32x4.bitmask(f32x4.lt(v128.load(depths + (<usize>four << 2)), bar))
    for (; likely != 0; likely &= likely - 1) {
      const block = four + ctz(likely)
      if (block >= blocks) break
      const values = column + (<usize>block << 8)
      const bottom = f32x4.pmin(
        f32x4.pmin(lowestOfSixteen(values), lowestOfSixteen(values + 64)),
        f32x4.pmin(lowestOfSixteen(values + 128), lowestOfSixteen(values + 192)),
      )
      if (depths != 0) store<f32>(depths + (<usize>block << 2), lowest(bottom))
      if (!v128.any_true(f32x4.lt(bottom, bar))) continue
      let lower = survivorsOf(block)
      lower &=
        sixteenBelow(values, bar) |
        (sixteenBelow(values + 64, bar) << 16) |
        (sixteenBelow(values + 128, bar) << 32) |
        (sixteenBelow(values + 192, bar) << 48)
      if (lower == 0) continue
      if (<i32>popcnt(lower) > FEW) {
        mark(lower)
        low = lowestOf(values)
      } else for (; lower != 0; lower &= lower - 1) low = min(low, load<f32>(values + (<usize>ctz(lower) << 2)))
      bar = f32x4.splat(low)
    }
  }
  return low
}

// @ts-ignore: decorator
@inline
function highestOfSixteen(values: usize): v128 {
  return f32x4.pmax(
    f32x4.pmax(v128.load(values), v128.load(values, 16)),
    f32x4.pmax(v128.load(values, 32), v128.load(values, 48)),
  )
}

// @ts-ignore: decorator
@inline
function lowestOfSixteen(values: usize): v128 {
  return f32x4.pmin(
    f32x4.pmin(v128.load(values), v128.load(values, 16)),
    f32x4.pmin(v128.load(values, 32), v128.load(values, 48)),
  )
}

/** Bits of the sixteen values that are more than `bar`. */
// @ts-ignore: decorator
@inline
function sixteenAbove(values: usize, bar: v128): u64 {
  return bitsOf(
    f32x4.gt(v128.load(values), bar),
    f32x4.gt(v128.load(values, 16), bar),
    f32x4.gt(v128.load(values, 32), bar),
    f32x4.gt(v128.load(values, 48), bar),
  )
}

// @ts-ignore: decorator
@inline
function sixteenBelow(values: usize, bar: v128): u64 {
  return bitsOf(
    f32x4.lt(v128.load(values), bar),
    f32x4.lt(v128.load(values, 16), bar),
    f32x4.lt(v128.load(values, 32), bar),
    f32x4.lt(v128.load(values, 48), bar),
  )
}

function measureBlock(block: i32): void {
  const alive = survivorsOf(block)
  if (alive != 0) mark(alive)
  let to = <usize>block << 2
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES, to += <usize>room << 2) measureMarked(at, block, to, alive)
}

/** The range of one weigher over the survivors of one block; `nth` counts the weighers. */
export function measureAgain(at: usize, nth: i32, block: i32): void {
  const alive = survivorsOf(block)
  if (alive != 0) mark(alive)
  measureMarked(at, block, (<usize>(nth * room + block)) << 2, alive)
}

function measureMarked(at: usize, block: i32, to: usize, alive: u64): void {
  const values = <usize>load<u32>(at) + (<usize>block << 8)
  store<f32>(highs + to, alive == 0 ? <f32>-Infinity : highestOf(values))
  if (load<i32>(at, 12) == 0) store<f32>(lows + to, alive == 0 ? <f32>Infinity : lowestOf(values))
}

// @ts-ignore: decorator
@inline
function highestOf(values: usize): f32 {
  let a = LOWEST
  let b = LOWEST
  for (let offset: usize = 0; offset < 256; offset += 64) {
    a = f32x4.pmax(a, v128.or(v128.load(values + offset), v128.load(marks + offset)))
    b = f32x4.pmax(b, v128.or(v128.load(values + offset, 16), v128.load(marks + offset, 16)))
    a = f32x4.pmax(a, v128.or(v128.load(values + offset, 32), v128.load(marks + offset, 32)))
    b = f32x4.pmax(b, v128.or(v128.load(values + offset, 48), v128.load(marks + offset, 48)))
  }
  return highest(f32x4.pmax(a, b))
}

// @ts-ignore: decorator
@inline
function lowestOf(values: usize): f32 {
  let a = HIGHEST
  for (let offset: usize = 0; offset < 256; offset += 16) {
    a = f32x4.pmin(a, v128.or(v128.load(values + offset), v128.load(marks + offset)))
  }
  return lowest(a)
}

/** Writes the marks of 64 hosts. */
function mark(alive: u64): void {
  const none = i32x4.splat(0)
  for (let half: usize = 0; half < 2; half++) {
    const bits = i32x4.splat(<i32>(alive >> (<u64>half << 5)))
    const to = marks + (half << 7)
    v128.store(to, i32x4.eq(v128.and(bits, i32x4(0x1, 0x2, 0x4, 0x8)), none))
    v128.store(to, i32x4.eq(v128.and(bits, i32x4(0x10, 0x20, 0x40, 0x80)), none), 16)
    v128.store(to, i32x4.eq(v128.and(bits, i32x4(0x100, 0x200, 0x400, 0x800)), none), 32)
    v128.store(to, i32x4.eq(v128.and(bits, i32x4(0x1000, 0x2000, 0x4000, 0x8000)), none), 48)
    v128.store(to, i32x4.eq(v128.and(bits, i32x4(0x10000, 0x20000, 0x40000, 0x80000)), none), 64)
    v128.store(to, i32x4.eq(v128.and(bits, i32x4(0x100000, 0x200000, 0x400000, 0x800000)), none), 80)
    v128.store(to, i32x4.eq(v128.and(bits, i32x4(0x1000000, 0x2000000, 0x4000000, 0x8000000)), none), 96)
    v128.store(to, i32x4.eq(v128.and(bits, i32x4(0x10000000, 0x20000000, 0x40000000, 0x80000000)), none), 112)
  }
}

/** From the ranges of the blocks, the exact range of each weigher: low and high. */
export function measure(): void {
  let column = highs
  for (let at = weighers; at < weighersEnd; at += WEIGHER_BYTES, column += <usize>room << 2) {
    if (load<i32>(at, 60) == 0) continue
    store<i32>(at, 0, 60)
    const bounded = load<i32>(at, 12) != 0
    const high = highestBlock(column)
    store<f32>(at, high, 64)
    store<f64>(at, exact(at, column, high, true), 40)
    if (bounded) {
      store<f64>(at, load<f64>(at, 24), 32)
      continue
    }
    const low = lowestBlock(column + (lows - highs))
    store<f32>(at, low, 68)
    store<f64>(at, exact(at, column + (lows - highs), low, false), 32)
  }
}

function highestBlock(column: usize): f32 {
  let high = LOWEST
  for (let at = column, end = column + (<usize>blocks << 2); at < end; at += 16) high = f32x4.pmax(high, v128.load(at))
  return highest(high)
}

function lowestBlock(column: usize): f32 {
  let low = HIGHEST
  for (let at = column, end = column + (<usize>blocks << 2); at < end; at += 16) low = f32x4.pmin(low, v128.load(at))
  return lowest(low)
}

/**
 * What a value rounded to f32 is exactly: of the survivors that round to it, the highest or the lowest. `column` has
 * the rounded one of each block, so that others are passed over; 0 where that is not known.
 */
function exact(at: usize, column: usize, rounded: f32, up: bool): f64 {
  if (load<i32>(at, 8) != REAL && Mathf.abs(rounded) < EXACT_IN_F32) return <f64>rounded
  const values = <usize>load<u32>(at)
  let found: f64 = up ? -Infinity : Infinity
  for (let block: i32 = 0; block < blocks; block++) {
    if (column != 0 && load<f32>(column + (<usize>block << 2)) != rounded) continue
    for (let alive = survivorsOf(block); alive != 0; alive &= alive - 1) {
      const slot = block * BLOCK + <i32>ctz(alive)
      if (load<f32>(values + (<usize>slot << 2)) != rounded) continue
      const value = exactValue(at, slot)
      found = up ? max(found, value) : min(found, value)
    }
  }
  return found
}

/** A host's value as it is, and not below the floor. */
// @ts-ignore: decorator
@inline
function exactValue(at: usize, slot: i32): f64 {
  const column = <usize>load<u32>(at, 4)
  const value =
    load<i32>(at, 8) == REAL ? load<f64>(column + (<usize>slot << 3)) : <f64>load<i32>(column + (<usize>slot << 2))
  return load<i32>(at, 12) != 0 ? max(value, load<f64>(at, 24)) : value
}
