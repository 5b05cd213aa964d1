import { aggregateLimit } from '../filters/aggregate-values.ts'
import { type Host, type Quantity, QUANTITY_COLUMNS } from '../host.ts'
import type { Asked } from '../request-class.ts'

/** What is weighed: a number for each host. */
export type Measure =
  | { readonly kind: 'quantity'; readonly quantity: Quantity; readonly column: number }
  /**
   * Any finite number that follows from the host's row and what is taken of it; kept for each host, and asked again
   * after the host has changed. The key is equal for measures that are equal for all hosts.
   */
  | { readonly kind: 'value'; readonly key: string; readonly of: (host: Host) => number }
  /** A number for some hosts by their names; the others have 0. */
  | { readonly kind: 'hosts'; readonly values: Readonly<Record<string, number>> }

/** One number per host, normalised to 0…1 over the hosts that are left and multiplied: a part of the host's weight. */
export interface Weigher {
  /** Nova's class name. */
  readonly name: string
  /** What it weighs for a request; null where it has no say in it. */
  readonly weighs: (asked: Asked) => Measure | null
  /**
   * Nova's minval: the lowest value counted, and the 0 of the scale. Null: the lowest among the hosts that are left.
   */
  readonly floor: number | null
  /** Its multiplier in `[filter_scheduler]`, also as a key of aggregates. A negative one prefers little over much. */
  readonly option: MultiplierOption
  /** For a weigher of which Nova takes the multiplier with the other sign. */
  readonly against?: true
}

/** A weigher with the multiplier that an operator gives it. */
export interface ChosenWeigher {
  readonly weigher: Weigher
  readonly multiplier: number
}

/** Beyond this a weight would lose the digits that tell two hosts apart. */
const MULTIPLIER_LIMIT = 1e9

/** @throws {Error} for a multiplier that is no number within ±1e9. */
export function checkedMultiplier(multiplier: number, option: MultiplierOption): number {
  if (Math.abs(multiplier) <= MULTIPLIER_LIMIT) return multiplier
  throw new Error(`[filter_scheduler] ${option}: ${multiplier} is not a number within ±1e9`)
}

export type MultiplierOption = `${string}_weight_multiplier`

export interface Weighing {
  readonly name: string
  readonly measure: Measure
  readonly floor: number | null
  readonly multiplier: number
  /** The key by which an aggregate gives its hosts another multiplier. */
  readonly option: MultiplierOption
  readonly against: boolean
}

export const quantityMeasure = (quantity: Quantity): Measure => ({
  kind: 'quantity',
  quantity,
  column: QUANTITY_COLUMNS[quantity],
})

/** Weighs the same for every request. */
export function ofQuantity(quantity: Quantity): () => Measure {
  const measure = quantityMeasure(quantity)
  return () => measure
}

/** What weighers have to say about a request. */
export function weighingsOf(weighers: readonly ChosenWeigher[], asked: Asked): readonly Weighing[] {
  return weighers.flatMap(({ weigher: { name, weighs, floor, option, against = false }, multiplier }) => {
    const measure = weighs(asked)
    return measure === null
      ? []
      : [{ name, measure, floor, multiplier: against ? -multiplier : multiplier, option, against }]
  })
}

/** A host's value, as it is. */
export function measured(host: Host, measure: Measure): number {
  switch (measure.kind) {
    case 'quantity':
      return host.quantities[measure.column] as number
    case 'value':
      return measure.of(host)
    case 'hosts':
      return Object.hasOwn(measure.values, host.row.host) ? (measure.values[host.row.host] as number) : 0
  }
}

/** The multiplier for a host: the least that its aggregates have, else the option's. */
export function multiplierFor({ row: { aggregates } }: Host, { option, multiplier, against }: Weighing): number {
  if (aggregates.length === 0) return multiplier
  const sign = against ? -1 : 1
  return sign * aggregateLimit(aggregates, option, sign * multiplier)
}
