import type { Quantity } from '../host.ts'

/** One number per host, normalised to 0…1 over the hosts that are left and multiplied: a part of the host's weight. */
export interface Weigher {
  /** Nova's class name. */
  readonly name: string
  readonly quantity: Quantity
  /**
   * Nova's minval: the lowest value counted, and the 0 of the scale. Null: the lowest among the hosts that are left.
   */
  readonly floor: number | null
  /** Its multiplier in `[filter_scheduler]`. A negative one prefers little over much. */
  readonly option: `${string}_weight_multiplier`
}

export interface Weighing extends Pick<Weigher, 'name' | 'quantity' | 'floor'> {
  readonly multiplier: number
}
