/**
 * Where things are in memory. The host program decides it, tells it once with `bind`, and fills what is read here;
 * src/scheduler/core.ts is the other half of this page.
 *
 * Hosts are numbered by slot and handled in blocks of 64: one u64 of a bitmap, 64 i32 of a column. Columns and bitmaps
 * are padded to whole blocks, and a slot without a host is 0 in `present`.
 */
export const BLOCK: i32 = 64

/** A condition, 24 bytes: i32 operation, i32 operand address, i32 amount; out: i32 rejected, i32 nearest; 4 unused. */
export const CONDITION_BYTES: i32 = 24
export const HAS: i32 = 0
export const HAS_NOT: i32 = 1
export const AT_LEAST: i32 = 2
export const AT_MOST: i32 = 3

/** A weigher, 24 bytes: i32 column address, i32 floor or UNBOUNDED; out: i32 low, i32 high; f64 multiplier. */
export const WEIGHER_BYTES: i32 = 24
export const UNBOUNDED: i32 = i32.MIN_VALUE

/** A ranked host, 16 bytes: i32 slot, i32 unused, f64 weight. */
export const RANK_BYTES: i32 = 16

/** At most so many hosts are ranked, weighers used and conditions asked in one scan. */
export const MAX_RANKED: i32 = 256
export const MAX_WEIGHERS: i32 = 32
export const MAX_CONDITIONS: i32 = 64

export let blocks: i32 = 0
/** Bitmap of the slots that have a host. */
export let present: usize = 0
/** Bitmap of the hosts that no condition has rejected yet. */
export let survivors: usize = 0
/** f32 per host: where scoring begins, 0 or for a rejected host -Infinity; then in its place the approximate weight. */
export let scores: usize = 0
/** f32 per block, the highest of its scores. */
export let peaks: usize = 0

/** Fixed places, of the size that their limits allow. */
export const conditions: usize = memory.data(MAX_CONDITIONS * CONDITION_BYTES, 16)
export const weighers: usize = memory.data(MAX_WEIGHERS * WEIGHER_BYTES, 16)
export const ranking: usize = memory.data(MAX_RANKED * RANK_BYTES, 16)

/** Gives the places that depend on the number of hosts; all are aligned to 16 bytes. */
export function bind(blockCount: i32, presentAt: usize, survivorsAt: usize, scoresAt: usize, peaksAt: usize): void {
  blocks = blockCount
  present = presentAt
  survivors = survivorsAt
  scores = scoresAt
  peaks = peaksAt
}

/** Four bits to four lanes of all ones or all zeroes. */
const LANES: usize = memory.data<i32>(
  [
    0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0, 0, -1, -1, 0, 0, 0, 0, -1, 0, -1, 0, -1, 0, 0, -1, -1, 0, -1, -1, -1, 0,
    0, 0, 0, -1, -1, 0, 0, -1, 0, -1, 0, -1, -1, -1, 0, -1, 0, 0, -1, -1, -1, 0, -1, -1, 0, -1, -1, -1, -1, -1, -1, -1,
  ],
  16,
)

/** The lanes of four hosts: all ones where the host's bit is set. `group` counts fours within the block. */
// @ts-ignore: decorator
@inline
export function lanesOf(bits: u64, group: i32): v128 {
  return v128.load(LANES + (((<usize>(bits >> (<u64>group << 2))) & 15) << 4))
}

/** One bit per lane of four i32x4 masks: sixteen hosts. */
// @ts-ignore: decorator
@inline
export function bitsOf(a: v128, b: v128, c: v128, d: v128): u64 {
  return <u64>i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)))
}

// @ts-ignore: decorator
@inline
export function highest(lanes: v128): i32 {
  const a = max(i32x4.extract_lane(lanes, 0), i32x4.extract_lane(lanes, 1))
  return max(a, max(i32x4.extract_lane(lanes, 2), i32x4.extract_lane(lanes, 3)))
}

// @ts-ignore: decorator
@inline
export function lowest(lanes: v128): i32 {
  const a = min(i32x4.extract_lane(lanes, 0), i32x4.extract_lane(lanes, 1))
  return min(a, min(i32x4.extract_lane(lanes, 2), i32x4.extract_lane(lanes, 3)))
}
