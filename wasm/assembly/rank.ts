import { bitsOf, BLOCK, blocks, MAX_RANKED, RANK_BYTES, ranking, REAL } from './layout'
import { peaks, record, survivorsOf } from './record'
import { ACTIVE_BYTES, current, currentEnd, errorOf, fall, rise, scoreBlock, scores, weigh } from './score'

/** Hosts in the ranking so far, and how many it takes. */
let ranked: i32 = 0
let wanted: i32 = 0
/** Hosts below this score are not among the best; nor has a block any, whose peak is below the other. */
let cut: f32 = -Infinity
let peakCut: f32 = -Infinity
/** As many hosts as are wanted weigh this much. */
let aim: f64 = -Infinity

/** f32: the highest peaks found, highest first. */
const summit: usize = memory.data(MAX_RANKED * 4, 16)

/**
 * Puts the best survivors into `ranking`, heaviest first, and of hosts that weigh the same the lowest slot first.
 * Approximate scores say which hosts may be among them; these are weighed exactly.
 *
 * As many blocks as hosts are wanted peak at `foot` or above, so as many hosts weigh at least what `foot` stands for:
 * the lower end of its error, moved by what the ranges have changed since.
 */
export function rank(count: i32): void {
  ranked = 0
  wanted = count
  const foot = <f64>(blocks < wanted ? footOfScores() : footOfSummit())
  aim = -Infinity
  cut = -Infinity
  peakCut = -Infinity
  if (foot > -Infinity) aimAt(foot - errorOf(foot) + (blocks < wanted ? 0 : fall))
  let looked: i32 = 0
  for (let four: i32 = 0; four < blocks; four += 4) {
    const lanes = v128.load(peaks + (<usize>four << 2))
    let high = i32x4.bitmask(f32x4.ge(lanes, f32x4.splat(peakCut)))
    for (; high != 0; high &= high - 1) {
      const block = four + ctz(high)
      if (block >= blocks || load<f32>(peaks + (<usize>block << 2)) < peakCut) continue
      looked++
      rankBlock(block)
    }
  }
  store<i32>(record, load<i32>(record, 16) + max(0, looked - count), 16)
}

/** From now on only hosts that may weigh this much are looked at. */
function aimAt(weight: f64): void {
  if (weight <= aim) return
  aim = weight
  cut = <f32>(weight - errorOf(weight))
  const before = weight - rise
  peakCut = <f32>(before - errorOf(before))
}

/** The peak of the `wanted`-th highest block. */
function footOfSummit(): f32 {
  clearSummit()
  climb(peaks, peaks + (<usize>blocks << 2))
  return load<f32>(summit + (<usize>(wanted - 1) << 2))
}

/** The `wanted`-th highest score, where there are fewer blocks than that. */
function footOfScores(): f32 {
  clearSummit()
  for (let block: i32 = 0; block < blocks; block++) {
    scoreBlock(block)
    climb(scores, scores + BLOCK * 4)
  }
  return load<f32>(summit + (<usize>(wanted - 1) << 2))
}

function clearSummit(): void {
  for (let at: i32 = 0; at < wanted; at++) store<f32>(summit + (<usize>at << 2), -Infinity)
}

/** Enters values, of which there are four or a multiple, into the summit. NaN is none. */
function climb(from: usize, end: usize): void {
  const last = summit + (<usize>(wanted - 1) << 2)
  let least = v128.load32_splat(last)
  for (; from < end; from += 16) {
    let higher = i32x4.bitmask(f32x4.gt(v128.load(from), least))
    if (higher == 0) continue
    for (; higher != 0; higher &= higher - 1) {
      const value = load<f32>(from + (<usize>ctz(higher) << 2))
      if (value <= load<f32>(last)) continue
      let at = last
      for (; at > summit && load<f32>(at - 4) < value; at -= 4) store<f32>(at, load<f32>(at - 4))
      store<f32>(at, value)
    }
    least = v128.load32_splat(last)
  }
}

function rankBlock(block: i32): void {
  scoreBlock(block)
  for (let sixteen: i32 = 0; sixteen < 4; sixteen++) {
    const first = block * 64 + sixteen * 16
    let likely = scoringAtLeast(cut, sixteen)
    if (likely != 0 && ranked == wanted) likely &= ~sameAsLast(first)
    while (likely != 0) {
      const slot = first + <i32>ctz(likely)
      likely &= likely - 1
      if (!insert(slot, weigh(slot)) || ranked < wanted) continue
      aimAt(load<f64>(ranking + (wanted - 1) * RANK_BYTES, 8))
      likely &= ~sameAsLast(first)
    }
  }
}

/** Bits of sixteen hosts of the block just scored that score `least` or more; none but survivors do. */
// @ts-ignore: decorator
@inline
function scoringAtLeast(least: f32, sixteen: i32): u64 {
  const at = scores + (<usize>sixteen << 6)
  const bar = f32x4.splat(least)
  return bitsOf(
    f32x4.ge(v128.load(at), bar),
    f32x4.ge(v128.load(at, 16), bar),
    f32x4.ge(v128.load(at, 32), bar),
    f32x4.ge(v128.load(at, 48), bar),
  )
}

/**
 * Bits of the sixteen hosts from `first` whose values are all those of the last in a full ranking: they weigh the same
 * and lose the tie. A fleet of equal and equally loaded machines would otherwise be weighed host by host.
 */
function sameAsLast(first: i32): u64 {
  const last = load<i32>(ranking + (wanted - 1) * RANK_BYTES)
  let same: u64 = 0xffff
  for (let at = current; at < currentEnd && same != 0; at += ACTIVE_BYTES) {
    const column = <usize>load<u32>(at, 40)
    const multipliers = <usize>load<u32>(at, 48)
    if (multipliers != 0) same &= sameDoubles(multipliers, first, last)
    if (load<i32>(at, 44) == REAL) {
      same &= sameDoubles(column, first, last)
      continue
    }
    const values = column + (<usize>first << 2)
    const low = i32x4.splat(<i32>load<f64>(at, 32))
    const value = i32x4.max_s(v128.load32_splat(column + (<usize>last << 2)), low)
    same &= bitsOf(
      i32x4.eq(i32x4.max_s(v128.load(values), low), value),
      i32x4.eq(i32x4.max_s(v128.load(values, 16), low), value),
      i32x4.eq(i32x4.max_s(v128.load(values, 32), low), value),
      i32x4.eq(i32x4.max_s(v128.load(values, 48), low), value),
    )
  }
  return same
}

function sameDoubles(column: usize, first: i32, last: i32): u64 {
  const value = load<f64>(column + (<usize>last << 3))
  let same: u64 = 0
  for (let nth: i32 = 0; nth < 16; nth++) {
    if (load<f64>(column + (<usize>(first + nth) << 3)) == value) same |= <u64>1 << <u64>nth
  }
  return same
}

/** Puts a host behind all that weigh as much; false where the ranking is full of such. */
function insert(slot: i32, weight: f64): bool {
  if (ranked == wanted) {
    if (load<f64>(ranking + (wanted - 1) * RANK_BYTES, 8) >= weight) return false
  } else ranked++
  let at = ranking + (ranked - 1) * RANK_BYTES
  for (; at > ranking && load<f64>(at - RANK_BYTES, 8) < weight; at -= RANK_BYTES) {
    v128.store(at, v128.load(at - RANK_BYTES))
  }
  store<i32>(at, slot)
  store<f64>(at, weight, 8)
  return true
}

/** The ranking where no weigher tells hosts apart: all weigh 0, the lowest slots first. */
export function rankAlike(count: i32): void {
  ranked = 0
  for (let block: i32 = 0; block < blocks && ranked < count; block++) {
    let alive = survivorsOf(block)
    for (; alive != 0 && ranked < count; alive &= alive - 1) {
      const at = ranking + ranked * RANK_BYTES
      store<i32>(at, block * 64 + <i32>ctz(alive))
      store<f64>(at, 0, 8)
      ranked++
    }
  }
}
