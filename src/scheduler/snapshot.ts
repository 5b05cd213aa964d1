import type { Condition } from './filters/filter.ts'
import type { Host } from './host.ts'
import type { Weighing } from './weighers/weigher.ts'

/** One pass over all hosts: which pass every condition, and which of these weigh most. */
export interface Pass {
  readonly conditions: readonly Condition[]
  readonly weighings: readonly Weighing[]
  /** Hosts wanted, 1…MAX_RANKED. */
  readonly count: number
  /** These very conditions and weighings come again: what is found out about them is worth keeping. */
  readonly recurs?: boolean
}

/** What a pass found; good until the next pass over the same snapshot. Read in place: a decision has no time to copy. */
export interface Outcome {
  /** Hosts that passed every condition. */
  readonly left: number
  /** Hosts in the ranking: heaviest first; of hosts that weigh the same, the lowest slot first. */
  readonly ranked: number
  rankedSlot(place: number): number
  rankedWeight(place: number): number
  /** Hosts that failed this condition first. */
  rejected(condition: number): number
  /** Of a condition that compares a quantity and rejected hosts: the value that came nearest, see `Rejected.best`. */
  nearest(condition: number): number
  /** The scale of a weighing. Empty (`high` is not above `low`) where it tells no hosts apart. */
  low(weighing: number): number
  high(weighing: number): number
}

/** Hosts as a replica knows them now. Two hold to it: the fleet in WASM memory, and the twin it is checked against. */
export interface Snapshot {
  /** Number of hosts. */
  readonly size: number
  /** Number of cells that have hosts. */
  readonly cells: number
  host(slot: number): Host
  scan(pass: Pass): Outcome
}

/** Most hosts that one pass ranks. */
export const MAX_RANKED = 256

/** A value on a weigher's scale: Nova's normalisation, 0…1, and 0 for an empty scale. */
export function normalised(value: number, floor: number | null, low: number, high: number): number {
  if (high <= low) return 0
  return (floor !== null && value < floor ? floor - low : value - low) / (high - low)
}
