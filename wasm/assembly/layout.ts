/**
 * Where things are in memory. The host program decides it, tells it with `bind`, and fills what is read here;
 * src/scheduler/core.ts is the other half of this page.
 *
 * Hosts are numbered by slot and handled in blocks of 64: one u64 of a bitmap, 64 values of a column. A slot without a
 * host is 0 in `present`.
 */
export const BLOCK: i32 = 64

/**
 * A condition, 32 bytes: i32 operation, i32 operand address, i32 amount; out: i32 rejected, i32 nearest, and i32 how
 * many of the rejected are known to have that value (at least one has, where any was rejected); i32 byte of its value in
 * an entry of the log; 4 unused.
 */
export const CONDITION_BYTES: i32 = 32
export const HAS: i32 = 0
export const HAS_NOT: i32 = 1
export const AT_LEAST: i32 = 2
export const AT_MOST: i32 = 3

/**
 * A weigher, 112 bytes. Its values stand twice in memory: as they are, and rounded to f32 (and not below the floor) for
 * the vector instructions.
 *
 *      0 u32 f32 column                 4 u32 column of exact values     8 i32 exact values are 0: i32, 1: f64
 *     12 i32 1: it has a floor         16 f64 multiplier; with a column of these, the largest size of one
 *     24 f64 floor                     32 f64 out: low                  40 f64 out: high
 *     48 u32 f32 column of multipliers, 0 for none                      52 u32 the same in f64
 *     56 i32 byte of its value in an entry of the log                   60 i32 its range is to be found anew
 *     64 f32 highest of any block      68 f32 lowest of any block
 *     72 f64 coefficient, 80 f64 low, of the scores in `peaks`; 88 and 92 the same in f32
 *     96 f32 floor, -Infinity for none
 *    104 u32 f32 per block: no value of the block is more; 108 u32 no value is less; 0 where that is not known
 */
export const WEIGHER_BYTES: i32 = 112
export const REAL: i32 = 1

/** A ranked host, 16 bytes: i32 slot, i32 unused, f64 weight. */
export const RANK_BYTES: i32 = 16

/** At most so many hosts are ranked, weighers used and conditions asked in one scan. */
export const MAX_RANKED: i32 = 256
export const MAX_WEIGHERS: i32 = 32
export const MAX_CONDITIONS: i32 = 64

/** Blocks that have a host, and those that there is room for: a multiple of 4. */
export let blocks: i32 = 0
export let room: i32 = 0
/** Bitmap of the slots that have a host. */
export let present: usize = 0
/** Where changes of hosts are logged, round and round: for each the i32 slot, and the i32 quantities as they were. */
export let log: usize = 0
export let entryBytes: usize = 0
export let logMask: i32 = 0
/** i32 per host: the last replay that met it. */
export let met: usize = 0
/** i32 per block: what a replay has to compute anew. */
export let stale: usize = 0
/** i32 per block: those that are stale, in the order of their becoming so. */
export let staleList: usize = 0

export const ranking: usize = memory.data(MAX_RANKED * RANK_BYTES, 16)

/** Gives the places that depend on the number of hosts; all are aligned to 16 bytes. */
export function bind(
  roomFor: i32,
  presentAt: usize,
  logAt: usize,
  logEntries: i32,
  logEntryBytes: i32,
  metAt: usize,
  staleAt: usize,
): void {
  room = roomFor
  present = presentAt
  log = logAt
  logMask = logEntries - 1
  entryBytes = logEntryBytes
  met = metAt
  stale = staleAt
  staleList = staleAt + (<usize>roomFor << 2)
}

/** The blocks from here on have no hosts. */
export function use(blockCount: i32): void {
  blocks = blockCount
}

/** One bit per lane of four i32x4 masks: sixteen hosts. */
// @ts-ignore: decorator
@inline
export function bitsOf(a: v128, b: v128, c: v128, d: v128): u64 {
  return <u64>i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)))
}

/** The lane that is highest, of numbers. */
// @ts-ignore: decorator
@inline
export function highest(lanes: v128): f32 {
  const two = f32x4.pmax(lanes, v128.shuffle<i32>(lanes, lanes, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}

// @ts-ignore: decorator
@inline
export function lowest(lanes: v128): f32 {
  const two = f32x4.pmin(lanes, v128.shuffle<i32>(lanes, lanes, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmin(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}
