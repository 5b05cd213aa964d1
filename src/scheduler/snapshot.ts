import type { Condition, Rejected } from './filters/filter.ts'
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

export interface Outcome {
  /** Hosts that passed every condition. */
  readonly left: number
  /** For each condition, in order. */
  readonly rejected: readonly Rejected[]
  /** For each weighing, in order: its scale. Empty (`high` is not above `low`) where it tells no hosts apart. */
  readonly ranges: readonly Range[]
  /** Heaviest first; of hosts that weigh the same, the lowest slot first. */
  readonly ranked: readonly { readonly slot: number; readonly weight: number }[]
}

export interface Range {
  readonly low: number
  readonly high: number
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
export function normalised(value: number, floor: number | null, range: Range): number {
  if (range.high <= range.low) return 0
  return (Math.max(value, floor ?? value) - range.low) / (range.high - range.low)
}
