import type postgres from 'postgres'
import { badRequest } from '../kernel/index.ts'
import { type CellDb, type GlobalDb, type Scope, type Sql } from '../platform/db/index.ts'
import type { Found, KnownRows } from './known-rows.ts'
import { LISTED_COLUMNS, type ListedServer } from './server.ts'

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
  'generation',
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

export type ExactFilter = Extract<
  keyof ListedServer,
  | 'id'
  | 'project_id'
  | 'user_id'
  | 'vm_state'
  | 'task_state'
  | 'power_state'
  | 'progress'
  | 'host'
  | 'node'
  | 'flavor_id'
  | 'image_id'
  | 'reservation_id'
  | 'launch_index'
  | 'config_drive'
  | 'auto_disk_config'
  | 'locked_by'
  | 'created_at'
  | 'launched_at'
  | 'terminated_at'
>
export type PatternFilter = Extract<
  keyof ListedServer,
  'name' | 'description' | 'hostname' | 'key_name' | 'availability_zone' | 'access_ip_v4' | 'access_ip_v6' | 'root_device_name'
>

/** A word of the API's `status` as the states it stands for; `task_states` null takes any. */
export interface StatusCell {
  readonly vm_state: string
  readonly task_states: readonly string[] | null
}

/** Each part must hold; an empty list asks for nothing. */
export interface TagFilter {
  readonly all: readonly string[]
  readonly any: readonly string[]
  /** Not all of these at once. */
  readonly not_all: readonly string[]
  /** None of these. */
  readonly not_any: readonly string[]
}

export interface ServerQuery {
  /** Each filter must hold; of its values, one. */
  readonly exact: Partial<Record<ExactFilter, readonly (string | number | boolean | Date | null)[]>>
  /** POSIX regular expressions, matched anywhere and in any case, as MySQL's REGEXP does for Nova. */
  readonly pattern: Partial<Record<PatternFilter, string>>
  readonly status: readonly StatusCell[] | null
  /** Pattern over the fixed addresses of one family. */
  readonly ip: { readonly version: 4 | 6; readonly pattern: string } | null
  readonly locked: boolean | null
  readonly tags: TagFilter
  readonly deleted: boolean | 'any'
  readonly changes_since: Date | null
  readonly changes_before: Date | null
  /** Sorted by these, then by id in the direction of the last. */
  readonly order: readonly Order[]
  readonly limit: number
  /** The last server of the page before. */
  readonly after: ListedServer | null
}

export const NEWEST_FIRST: readonly Order[] = [{ key: 'created_at', direction: 'desc' }]

/** One page of one table. `accepted_servers` has the same columns, so one text serves both. */
export async function listServersOf(
  db: GlobalDb | CellDb,
  table: 'servers' | 'accepted_servers',
  query: ServerQuery,
): Promise<ListedServer[]> {
  const { sql } = db
  return checked(sql<ListedServer[]>`select ${sql(LISTED_COLUMNS)} ${page(sql, table, query)}`)
}

/** Times that a page is looked for before it is read as a whole: servers on it have changed while they were read. */
const LOOKS = 3

/** As `listServersOf`, reading only those rows of a cell that are not known. */
export async function listKnownServers(cell: CellDb, rows: KnownRows, query: ServerQuery): Promise<ListedServer[]> {
  const { sql } = cell
  for (let look = 1; look <= LOOKS; look++) {
    const found = await checked(sql<Found[]>`select id, xmin::text as version ${page(sql, 'servers', query)}`)
    const servers = await rows.read(found)
    if (servers) return servers
  }
  return listServersOf(cell, 'servers', query)
}

function page(sql: AnySql, table: 'servers' | 'accepted_servers', query: ServerQuery): Fragment {
  const order = completeOrder(query.order)
  const where = [...conditions(sql, query), ...after(sql, order, query.after)]
  return sql`
    from ${sql(table)}
    where ${joined(sql, where, sql`and`)}
    order by ${joined(sql, order.map((by) => orderTerm(sql, by)), sql`,`)}
    limit ${query.limit}`
}

/** @throws {Problem} bad_request for a pattern that PostgreSQL cannot read. */
async function checked<T>(page: Promise<T>): Promise<T> {
  try {
    return await page
  } catch (error) {
    if ((error as { code?: string }).code === '2201B') throw badRequest('Invalid filter: not a regular expression.', error)
    throw error
  }
}

type AnySql = Sql<Scope>
type Fragment = postgres.PendingQuery<postgres.Row[]>

function conditions(sql: AnySql, query: ServerQuery): Fragment[] {
  const terms: Fragment[] = []
  if (query.deleted !== 'any') {
    terms.push(query.deleted ? sql`deleted_at is not null` : sql`deleted_at is null`)
  }
  for (const [column, values] of Object.entries(query.exact)) {
    const known = values.filter((value) => value !== null)
    const isNull = known.length < values.length ? sql`or ${sql(column)} is null` : sql``
    terms.push(sql`(${equals(sql, column, known)} ${isNull})`)
  }
  for (const [column, pattern] of Object.entries(query.pattern)) terms.push(sql`${sql(column)} ~* ${pattern}`)
  if (query.status) terms.push(statusTerm(sql, query.status))
  if (query.ip) {
    const family = query.ip.version === 4 ? sql`not like '%:%'` : sql`like '%:%'`
    terms.push(sql`exists (
      select from jsonb_array_elements(vifs) as vif, jsonb_array_elements(vif -> 'fixed_ips') as ip
      where ip ->> 'ip_address' ${family} and ip ->> 'ip_address' ~* ${query.ip.pattern})`)
  }
  if (query.locked !== null) terms.push(query.locked ? sql`locked_by is not null` : sql`locked_by is null`)
  const { all, any, not_all, not_any } = query.tags
  if (all.length > 0) terms.push(sql`tags @> ${all as string[]}::text[]`)
  if (any.length > 0) terms.push(sql`tags && ${any as string[]}::text[]`)
  if (not_all.length > 0) terms.push(sql`not tags @> ${not_all as string[]}::text[]`)
  if (not_any.length > 0) terms.push(sql`not tags && ${not_any as string[]}::text[]`)
  if (query.changes_since) terms.push(sql`updated_at >= ${query.changes_since}`)
  if (query.changes_before) terms.push(sql`updated_at <= ${query.changes_before}`)
  return terms
}

/** A single value is compared by itself: only then does an index on it also give the order of the page. */
function equals(sql: AnySql, column: string, values: readonly (string | number | boolean | Date)[]): Fragment {
  const texts = values.map(asText)
  if (values.some((value) => value instanceof Date)) return sql`${sql(column)} = any(${texts}::text[]::timestamptz[])`
  return texts.length === 1 ? sql`${sql(column)}::text = ${texts[0]!}` : sql`${sql(column)}::text = any(${texts}::text[])`
}

function asText(value: string | number | boolean | Date): string {
  return value instanceof Date ? value.toISOString() : String(value)
}

function statusTerm(sql: AnySql, cells: readonly StatusCell[]): Fragment {
  if (cells.length === 0) return sql`false`
  const terms = cells.map((cell) =>
    cell.task_states === null
      ? sql`vm_state = ${cell.vm_state}`
      : sql`(vm_state = ${cell.vm_state} and task_state = any(${cell.task_states as string[]}))`,
  )
  return sql`(${joined(sql, terms, sql`or`)})`
}

/** Columns that are never null, so that a page can be found by one comparison of rows, which an index answers. */
const NEVER_NULL = new Set<SortKey>(['created_at', 'updated_at', 'id', 'name', 'hostname', 'project_id', 'user_id', 'vm_state', 'flavor_id', 'launch_index', 'power_state', 'progress'])
const TEXT = new Set<SortKey>(['name', 'description', 'hostname', 'host', 'node', 'vm_state', 'task_state', 'project_id', 'user_id', 'key_name', 'availability_zone', 'flavor_id', 'access_ip_v4', 'access_ip_v6', 'root_device_name', 'locked_by'])

function completeOrder(order: readonly Order[]): readonly Order[] {
  const last = order.at(-1)
  if (last?.key === 'id') return order
  return [...order, { key: 'id', direction: last?.direction ?? 'desc' }]
}

/** Null sorts below every value, and text by code point in any database: what `comparator` does too. */
function orderTerm(sql: AnySql, { key, direction }: Order): Fragment {
  const nulls = NEVER_NULL.has(key) ? sql`` : direction === 'asc' ? sql`nulls first` : sql`nulls last`
  return sql`${column(sql, key)} ${direction === 'asc' ? sql`asc` : sql`desc`} ${nulls}`
}

function column(sql: AnySql, key: SortKey): Fragment {
  return TEXT.has(key) ? sql`${sql(key)} collate "C"` : sql`${sql(key)}`
}

function after(sql: AnySql, order: readonly Order[], marker: ListedServer | null): Fragment[] {
  if (!marker) return []
  const direction = order[0]?.direction
  if (order.every((by) => by.direction === direction && NEVER_NULL.has(by.key))) {
    const columns = joined(sql, order.map((by) => column(sql, by.key)), sql`,`)
    const values = joined(sql, order.map((by) => sql`${marker[by.key] as string}`), sql`,`)
    return [direction === 'asc' ? sql`(${columns}) > (${values})` : sql`(${columns}) < (${values})`]
  }
  // (a beyond A) or (a = A and b beyond B) or …
  const alternatives = order.map((by, index) => {
    const equal = order.slice(0, index).map((before) => {
      return sql`${sql(before.key)} is not distinct from ${marker[before.key] as string | null}`
    })
    return sql`(${joined(sql, [...equal, beyond(sql, by, marker)], sql`and`)})`
  })
  return [sql`(${joined(sql, alternatives, sql`or`)})`]
}

function beyond(sql: AnySql, by: Order, marker: ListedServer): Fragment {
  const value = marker[by.key] as string | null
  if (by.direction === 'asc') {
    return value === null ? sql`${sql(by.key)} is not null` : sql`${column(sql, by.key)} > ${value}`
  }
  return value === null ? sql`false` : sql`(${column(sql, by.key)} < ${value} or ${sql(by.key)} is null)`
}

function joined(sql: AnySql, terms: readonly Fragment[], by: Fragment): Fragment {
  const [first, ...rest] = terms
  return rest.reduce((left, right) => sql`${left} ${by} ${right}`, first ?? sql`true`)
}

/** The same order as the database's, for merging pages of several. */
export function comparator(order: readonly Order[]): (left: ListedServer, right: ListedServer) => number {
  const complete = completeOrder(order)
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

export interface ServerPage {
  readonly servers: ListedServer[]
  /** Cells whose servers are not among them, as they cannot be reached. */
  readonly unreachable: readonly string[]
}

/** One page out of the pages of every place a server may be. */
export function mergePages(pages: readonly ListedServer[][], query: Pick<ServerQuery, 'order' | 'limit'>): ListedServer[] {
  const filled = pages.filter((page) => page.length > 0)
  if (filled.length <= 1) return filled[0] ?? []
  // A server that moves into its cell between the reads is in both: the cell's row is the later word.
  const byId = new Map(filled.flat().map((server) => [server.id, server]))
  return [...byId.values()].sort(comparator(query.order)).slice(0, query.limit)
}
