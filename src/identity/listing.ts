/** A page of a list ordered by name. */
export interface PageRequest {
  /** Ids after which the page begins. */
  readonly marker?: string
  /** At most `MAX_LISTED`, which is also the default. */
  readonly limit?: number
}

export interface Listing<T> {
  readonly items: readonly T[]
  /** True when there are more. */
  readonly truncated: boolean
}

/** Longest list in one answer. */
export const MAX_LISTED = 10_000

export function pageSize({ limit }: PageRequest): number {
  return Math.min(Math.max(limit ?? MAX_LISTED, 1), MAX_LISTED)
}

/** Cuts a list that was read with one row more than the page holds. */
export function listing<T>(rows: readonly T[], size: number): Listing<T> {
  return { items: rows.slice(0, size), truncated: rows.length > size }
}
