/** The next number of a sequence, 0 (in) to 1 (out). */
export type Random = () => number

/** Mulberry32: 32 bits of state are plenty to break a tie, and a seed replays a decision anywhere. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A whole number, 0 (in) to `limit` (out). */
export const randomBelow = (limit: number, random: Random): number => Math.floor(random() * limit)
