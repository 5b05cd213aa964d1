import { bitsOf, blocks, MAX_RANKED, peaks, RANK_BYTES, ranking, scores, survivors } from './layout'
import { active, ACTIVE_BYTES, activeCount, error, weigh } from './weigh'

/** Hosts in the ranking so far, and how many it takes. */
let ranked: i32 = 0
let wanted: i32 = 0

/** f32: the highest peaks found, highest first. */
const summit: usize = memory.data(MAX_RANKED * 4, 16)

/**
 * Puts the best survivors into `ranking`, heaviest first, and of hosts that weigh the same the lowest slot first.
 * Approximate scores say which hosts may be among them; these are weighed exactly.
 */
export function rank(count: i32): i32 {
  ranked = 0
  wanted = count
  // `wanted` blocks peak at `foot` or above, so as many hosts weigh at least `foot - error`; one that scores below
  // `foot - 2 * error` weighs less than all of them.
  const foot = footOfSummit()
  let cut = <f32>(<f64>foot - 2.0 * error)
  for (let block: i32 = 0; block < blocks; block++) {
    if (load<f32>(peaks + (<usize>block << 2)) < cut) continue
    cut = rankBlock(block, cut)
  }
  return ranked
}

/** The peak of the `wanted`-th highest block; -Infinity where there are fewer blocks. */
function footOfSummit(): f32 {
  if (blocks < wanted) return -Infinity
  const last = summit + (<usize>(wanted - 1) << 2)
  for (let at = summit; at <= last; at += 4) store<f32>(at, -Infinity)
  for (let block: i32 = 0; block < blocks; block++) {
    const peak = load<f32>(peaks + (<usize>block << 2))
    if (peak <= load<f32>(last)) continue
    let at = last
    for (; at > summit && load<f32>(at - 4) < peak; at -= 4) store<f32>(at, load<f32>(at - 4))
    store<f32>(at, peak)
  }
  return load<f32>(last)
}

function rankBlock(block: i32, least: f32): f32 {
  let cut = least
  const alive = load<u64>(survivors + (<usize>block << 3))
  for (let sixteen: i32 = 0; sixteen < 4; sixteen++) {
    const first = block * 64 + sixteen * 16
    let likely = ((alive >> (<u64>sixteen << 4)) & 0xffff) & scoringAtLeast(cut, first)
    if (likely != 0 && ranked == wanted) likely &= ~sameAsLast(first)
    while (likely != 0) {
      const slot = first + <i32>ctz(likely)
      likely &= likely - 1
      if (!insert(slot, weigh(slot)) || ranked < wanted) continue
      cut = max(cut, <f32>(load<f64>(ranking + (wanted - 1) * RANK_BYTES, 8) - error))
      likely &= ~sameAsLast(first)
    }
  }
  return cut
}

/** Bits of the sixteen hosts from `first` that score `least` or more. */
// @ts-ignore: decorator
@inline
function scoringAtLeast(least: f32, first: i32): u64 {
  const at = scores + (<usize>first << 2)
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
  const last = <usize>load<i32>(ranking + (wanted - 1) * RANK_BYTES) << 2
  let same: u64 = 0xffff
  for (let at = active, end = active + activeCount * ACTIVE_BYTES; at < end && same != 0; at += ACTIVE_BYTES) {
    const column = <usize>load<u32>(at)
    const values = column + (<usize>first << 2)
    const low = v128.load32_splat(at, 4)
    const value = i32x4.max_s(v128.load32_splat(column + last), low)
    same &= bitsOf(
      i32x4.eq(i32x4.max_s(v128.load(values), low), value),
      i32x4.eq(i32x4.max_s(v128.load(values, 16), low), value),
      i32x4.eq(i32x4.max_s(v128.load(values, 32), low), value),
      i32x4.eq(i32x4.max_s(v128.load(values, 48), low), value),
    )
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
export function rankAlike(count: i32): i32 {
  ranked = 0
  for (let block: i32 = 0; block < blocks && ranked < count; block++) {
    let alive = load<u64>(survivors + (<usize>block << 3))
    for (; alive != 0 && ranked < count; alive &= alive - 1) {
      const at = ranking + ranked * RANK_BYTES
      store<i32>(at, block * 64 + <i32>ctz(alive))
      store<f64>(at, 0, 8)
      ranked++
    }
  }
  return ranked
}
