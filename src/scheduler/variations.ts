import type { HostRow } from '../contracts/index.ts'
import { aggregateValues } from './filters/aggregate-values.ts'

/** Which multipliers of weighers the aggregates of hosts say, so that weighing need not ask where none does. */
export interface Variations {
  /** Options that any host's aggregates have. */
  readonly size: number
  has(option: string): boolean
  /** Every multiplier that aggregates have for the option. */
  values(option: string): Iterable<number>
  change(had: readonly Variation[], has: readonly Variation[]): void
}

export interface Variation {
  readonly option: string
  readonly value: number
}

const SUFFIX = '_weight_multiplier'
const NONE: readonly Variation[] = []

/** What a host's aggregates say about multipliers. */
export function variationsOf({ aggregates }: HostRow): readonly Variation[] {
  if (aggregates.length === 0) return NONE
  const options = aggregates.flatMap((metadata) => Object.keys(metadata).filter((key) => key.endsWith(SUFFIX)))
  return [...new Set(options)].flatMap((option) =>
    aggregateValues(aggregates, option).map((value) => ({ option, value: Number(value) })),
  )
}

export function createVariations(): Variations {
  /** For each option, how many hosts have each value. */
  const counts = new Map<string, Map<number, number>>()

  function add({ option, value }: Variation, more: number): void {
    const values = counts.get(option) ?? new Map<number, number>()
    const count = (values.get(value) ?? 0) + more
    if (count > 0) values.set(value, count)
    else values.delete(value)
    if (values.size > 0) counts.set(option, values)
    else counts.delete(option)
  }

  return {
    get size() {
      return counts.size
    },
    has: (option) => counts.has(option),
    values: (option) => counts.get(option)?.keys() ?? [],
    change(had, has) {
      if (had.length === 0 && has.length === 0) return
      for (const each of has) add(each, 1)
      for (const each of had) add(each, -1)
    },
  }
}
