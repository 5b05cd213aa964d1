import { badRequest, isUuid } from '../kernel/index.ts'
import type { CellDb, Fragment, GlobalDb } from '../platform/db/index.ts'
import type { Found, KnownRows } from './known-rows.ts'
import { type AnySql, comparator, completeOrder, joined, type Order, orderTerm, stretches } from './list-order.ts'
import { LISTED_COLUMNS, type ListedServer } from './server.ts'

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

/** One page of one table. `accepted_servers` has the same columns, so one text serves both. */
export async function listServersOf(
  db: GlobalDb | CellDb,
  table: 'servers' | 'accepted_servers',
  query: ServerQuery,
): Promise<ListedServer[]> {
  const { sql } = db
  return inStretches(sql, query, (beyond, limit) => {
    return sql<ListedServer[]>`select ${sql(LISTED_COLUMNS)} ${page(sql, table, query, beyond, limit)}`
  })
}

/** Times that a page is looked for before it is read as a whole: servers on it have changed while they were read. */
const LOOKS = 3

/** As `listServersOf`, reading only those rows of a cell that are not known. */
export async function listKnownServers(cell: CellDb, rows: KnownRows, query: ServerQuery): Promise<ListedServer[]> {
  const { sql } = cell
  for (let look = 1; look <= LOOKS; look++) {
    const found = await inStretches(sql, query, (beyond, limit) => {
      return sql<Found[]>`select id, xmin::text::bigint as version ${page(sql, 'servers', query, beyond, limit)}`
    })
    const servers = await rows.read(found)
    if (servers) return servers
  }
  return listServersOf(cell, 'servers', query)
}

/** What follows the marker lies in one stretch of the order's index or two; the second is read where the first is short. */
async function inStretches<T>(
  sql: AnySql,
  { order, deleted, after, limit }: ServerQuery,
  read: (beyond: Fragment, limit: number) => Promise<readonly T[]>,
): Promise<T[]> {
  const found: T[] = []
  for (const beyond of stretches(sql, completeOrder(order, deleted), after)) {
    if (found.length < limit) found.push(...(await checked(read(beyond, limit - found.length))))
  }
  return found
}

/** The rest of a statement that reads a page of what lies `beyond` the marker. */
export function page(
  sql: AnySql,
  table: 'servers' | 'accepted_servers',
  query: ServerQuery,
  beyond: Fragment,
  limit: number,
): Fragment {
  const order = completeOrder(query.order, query.deleted)
  return sql`
    from ${sql(table)}
    where ${joined(sql, [...conditions(sql, query), beyond], sql`and`)}
    order by ${joined(sql, order.map((by) => orderTerm(sql, by)), sql`,`)}
    limit ${limit}`
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

const asksForSoftDeleted = ({ status, exact }: ServerQuery): boolean =>
  (status ?? []).some(({ vm_state }) => vm_state === 'soft-delete') || (exact.vm_state ?? []).includes('soft-delete')

function conditions(sql: AnySql, query: ServerQuery): Fragment[] {
  const terms: Fragment[] = []
  if (query.deleted !== 'any') {
    terms.push(query.deleted ? sql`deleted_at is not null` : sql`deleted_at is null`)
  }
  // Who deleted a server does not look for it any more; it is there for those who name that state.
  if (query.deleted === false && !asksForSoftDeleted(query)) terms.push(sql`vm_state <> 'soft-delete'`)
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
  if (column === 'id' || column === 'image_id') {
    const ids = values.map(asText).filter(isUuid)
    return ids.length === 1 ? sql`${sql(column)} = ${ids[0]!}` : sql`${sql(column)} = any(${ids}::uuid[])`
  }
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
