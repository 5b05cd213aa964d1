import { describe, expect, test } from 'bun:test'
import { MAX_VERSION } from '../../src/api/compute/version.ts'
import type { ComputeApi, Person } from './compute-api.ts'

/**
 * The keys of each answer by microversion: tempest refuses a key too many as well as one too few. A row adds (`+`) to
 * and takes (`-`) from the row above; the first row is 2.1. From Nova's documented samples and tempest's closed
 * schemas.
 */
export type Keys = readonly (readonly [version: string, changes: string])[]

export interface KeysCase {
  readonly what: string
  readonly tables: readonly Keys[]
  readonly as: Person
  readonly method?: string
  readonly body?: unknown
  /** The last version at which it is there; absent: all. */
  readonly until?: number
  readonly path: () => string
  readonly part: (body: any) => Record<string, unknown>
}

/** Tests that each answer has the keys of its version, neither more nor fewer, around every version that changed them. */
export function describeKeys(api: () => ComputeApi, cases: readonly KeysCase[]): void {
  describe.each(cases)('$what', ({ tables, as, method = 'GET', body, until = MAX_VERSION, path, part }) => {
    test.each(versionsOf(tables, until))('has the keys of 2.%d', async (minor) => {
      const answer = await api().ask(method, path(), { as, v: `2.${minor}`, body })
      expect(answer.status).toBe(200)
      expect(Object.keys(part(answer.body)).sort()).toEqual(keysAt(tables, minor))
    })
  })
}

function keysAt(tables: readonly Keys[], minor: number): string[] {
  const keys = new Set<string>()
  const rows = tables.flat().map(([text, changes]): [number, string] => [Number(text.slice(2)), changes])
  for (const [since, changes] of rows.sort(([a], [b]) => a - b)) {
    if (since > minor) continue
    for (const change of changes.split(' ')) {
      if (change.startsWith('-')) keys.delete(change.slice(1))
      else keys.add(change.replace(/^\+/, ''))
    }
  }
  return [...keys].sort()
}

/** Every version at which a table has a row, and the one before it. */
function versionsOf(tables: readonly Keys[], until: number): number[] {
  const changed = tables.flat().map(([text]) => Number(text.slice(2)))
  return [...new Set([1, until, ...changed.flatMap((v) => [v - 1, v])])]
    .filter((v) => v >= 1 && v <= until)
    .sort((a, b) => a - b)
}
