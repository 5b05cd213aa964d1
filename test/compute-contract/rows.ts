import { type ComputeApi, FACE_SETTINGS, type Person } from '../support/compute-api.ts'
import { computeResources } from '../../src/api/compute/index.ts'
import type { ActionRow, RouteRow } from '../../src/api/compute/route.ts'
import { MAX_VERSION, type Version, versionText } from '../../src/api/compute/version.ts'
import { valueOf } from './values.ts'

/** Asks every row of the API the same thing, with requests that are made from the rows. */

export type AnyRow = RouteRow | ActionRow

export function nameOf(row: AnyRow): string {
  const path = row.path.replaceAll(/:[^/]+/g, ':')
  return 'key' in row ? `POST ${path}#${row.key}` : `${row.method} ${path}`
}

export const methodOf = (row: AnyRow): RouteRow['method'] => ('method' in row ? row.method : 'POST')

/** The newest version at which the row is there. */
export const newest = (row: AnyRow): Version => Math.min(row.until, MAX_VERSION)

export function rowsOf({ compute }: ComputeApi): AnyRow[] {
  return computeResources({ compute, ...FACE_SETTINGS }).flatMap((resource) => resource.rows)
}

/** A body that the row's schema accepts; undefined for a row that reads none. */
export function bodyOf(row: AnyRow, v: Version): unknown {
  if (row.body) return valueOf(row.body.schema(v))
  return 'key' in row ? { [row.key]: null } : undefined
}

/** What stands in the place of parameters. */
export type Ids = (parameter: string, row: AnyRow) => string

export interface Asking {
  readonly ids: Ids
  readonly as?: Person | null
  readonly v?: Version
  readonly body?: unknown
  readonly query?: string
  readonly headers?: Record<string, string>
}

export function askRow(api: ComputeApi, row: AnyRow, asking: Asking) {
  const { ids, as = 'member', v = newest(row), query = '', headers = {} } = asking
  const path = row.path.replaceAll(/:([a-z_]+)/g, (_all, parameter: string) => ids(parameter, row)) + query
  const method = methodOf(row)
  const body = 'body' in asking ? asking.body : method === 'GET' || method === 'DELETE' ? undefined : bodyOf(row, v)
  return api.ask(method, path, { as, v: versionText(v), headers, ...(body === undefined ? {} : { body }) })
}
