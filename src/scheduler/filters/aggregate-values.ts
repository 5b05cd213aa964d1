import type { HostRow } from '../../contracts/index.ts'

type Aggregates = HostRow['aggregates']

/** All values that the host's aggregates have for this key; commas part several in one. */
export function aggregateValues(aggregates: Aggregates, key: string): readonly string[] {
  return aggregates.flatMap((metadata) => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined
    return value === undefined ? [] : value.split(',').map((part) => part.trim())
  })
}

/**
 * The least number that the host's aggregates have for this key. Without one, and where one of them is no number, it is
 * `fallback`, as in Nova.
 */
export function aggregateLimit(aggregates: Aggregates, key: string, fallback: number): number {
  const values = aggregateValues(aggregates, key)
  if (values.length === 0) return fallback
  const least = Math.min(...values.map((value) => (value === '' ? Number.NaN : Number(value))))
  return Number.isFinite(least) ? least : fallback
}
