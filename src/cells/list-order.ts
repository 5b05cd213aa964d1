import type { Fragment, Scope, Sql } from '../platform/db/index.ts'
import type { ListedServer } from './server.ts'

/** Columns a list may be sorted by; those of Nova that exist here. */
export const SORT_KEYS = [
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'availability_zone',
  'config_drive',
  'created_at',
  'description',
  'flavor_id',
  'host',
  'hostname',
  'id',
  'image_id',
  'key_name',
  'launch_index',
  'launched_at',
  'locked_by',
  'name',
  'node',
  'power_state',
  'progress',
  'project_id',
  'root_device_name',
  'task_state',
  'terminated_at',
  'updated_at',
  'user_id',
  'vm_state',
] as const satisfies readonly (keyof ListedServer)[]
export type SortKey = (typeof SORT_KEYS)[number]

export const isSortKey = (text: string): text is SortKey => (SORT_KEYS as readonly string[]).includes(text)

export interface Order {
  readonly key: SortKey
  readonly direction: 'asc' | 'desc'
}
export const NEWEST_FIRST: readonly Order[] = [{ key: 'created_at', direction: 'desc' }]

export type AnySql = Sql<Scope>

/** Columns that are never null, so that a page can be found by one comparison of rows, which an index answers. */
const NEVER_NULL = new Set<SortKey>([
  'auto_disk_config',
  'config_drive',
  'created_at',
  'flavor_id',
  'hostname',
  'id',
  'launch_index',
  'name',
  'power_state',
  'progress',
  'project_id',
  'updated_at',
  'user_id',
  'vm_state',
])
const TEXT = new Set<SortKey>([
  'access_ip_v4',
  'access_ip_v6',
  'availability_zone',
  'description',
  'flavor_id',
  'host',
  'hostname',
  'key_name',
  'locked_by',
  'name',
  'node',
  'project_id',
  'root_device_name',
  'task_state',
  'user_id',
  'vm_state',
])

/** By the id at last, and nothing after it. Of what lives, nothing is terminated: to sort by that sorts by the keys after it. */
export function completeOrder(order: readonly Order[], deleted: boolean | 'any'): readonly Order[] {
  const keys = deleted === false ? order.filter(({ key }) => key !== 'terminated_at') : order
  const id = keys.findIndex(({ key }) => key === 'id')
  if (id >= 0) return keys.slice(0, id + 1)
  return [...keys, { key: 'id', direction: (keys.at(-1) ?? order.at(-1))?.direction ?? 'desc' }]
}

/** Null sorts below every value, and text by code point in any database: what `comparator` does too. */
export function orderTerm(sql: AnySql, { key, direction }: Order): Fragment {
  const nulls = NEVER_NULL.has(key) ? sql`` : direction === 'asc' ? sql`nulls first` : sql`nulls last`
  return sql`${column(sql, key)} ${direction === 'asc' ? sql`asc` : sql`desc`} ${nulls}`
}

function column(sql: AnySql, key: SortKey): Fragment {
  return TEXT.has(key) ? sql`${sql(key)} collate "C"` : sql`${sql(key)}`
}

/** Conditions for what comes after the marker, in order; of each, an index of the order gives the rows one by one. */
export function stretches(sql: AnySql, order: readonly Order[], marker: ListedServer | null): Fragment[] {
  const [first, ...rest] = order
  if (!marker || !first) return [sql`true`]
  const { key, direction } = first
  const uniform = rest.every((by) => by.direction === direction && NEVER_NULL.has(by.key))
  if (!uniform) return [beyondAny(sql, order, marker)]
  if (marker[key] === null) {
    const nulls = sql`${sql(key)} is null and ${beyondAll(sql, rest, marker)}`
    return direction === 'asc' ? [nulls, sql`${sql(key)} is not null`] : [nulls]
  }
  const values = beyondAll(sql, order, marker)
  return NEVER_NULL.has(key) || direction === 'asc' ? [values] : [values, sql`${sql(key)} is null`]
}

/** One comparison of rows, for keys of one direction that are not null. */
function beyondAll(sql: AnySql, order: readonly Order[], marker: ListedServer): Fragment {
  const columns = joined(sql, order.map((by) => column(sql, by.key)), sql`,`)
  const values = joined(sql, order.map((by) => sql`${marker[by.key] as string}`), sql`,`)
  return order[0]?.direction === 'asc' ? sql`(${columns}) > (${values})` : sql`(${columns}) < (${values})`
}

/** (a beyond A) or (a = A and b beyond B) or …, for keys of any kind. */
function beyondAny(sql: AnySql, order: readonly Order[], marker: ListedServer): Fragment {
  const alternatives = order.map((by, index) => {
    const equal = order.slice(0, index).map((before) => {
      return sql`${sql(before.key)} is not distinct from ${marker[before.key] as string | null}`
    })
    return sql`(${joined(sql, [...equal, beyond(sql, by, marker)], sql`and`)})`
  })
  return sql`(${joined(sql, alternatives, sql`or`)})`
}

function beyond(sql: AnySql, by: Order, marker: ListedServer): Fragment {
  const value = marker[by.key] as string | null
  if (by.direction === 'asc') {
    return value === null ? sql`${sql(by.key)} is not null` : sql`${column(sql, by.key)} > ${value}`
  }
  return value === null ? sql`false` : sql`(${column(sql, by.key)} < ${value} or ${sql(by.key)} is null)`
}

export function joined(sql: AnySql, terms: readonly Fragment[], by: Fragment): Fragment {
  const [first, ...rest] = terms
  return rest.reduce((left, right) => sql`${left} ${by} ${right}`, first ?? sql`true`)
}

/** The same order as the database's, for merging pages of several. */
export function comparator(order: readonly Order[]): (left: ListedServer, right: ListedServer) => number {
  const complete = completeOrder(order, 'any')
  return (left, right) => {
    for (const { key, direction } of complete) {
      const result = compareValues(left[key], right[key])
      if (result !== 0) return direction === 'asc' ? result : -result
    }
    return 0
  }
}

type Sortable = string | number | boolean | Date | null

function compareValues(left: Sortable, right: Sortable): number {
  if (left === null || right === null) return Number(left !== null) - Number(right !== null)
  if (typeof left === 'string' && typeof right === 'string') return Buffer.compare(Buffer.from(left), Buffer.from(right))
  return Number(left) - Number(right)
}
