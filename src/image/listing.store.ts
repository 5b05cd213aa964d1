import type postgres from 'postgres'
import type { RequestContext } from '../kernel/index.ts'
import type { GlobalSql } from '../platform/db/index.ts'
import type { Image, Visibility } from './image.ts'
import type { MemberStatus } from './members.store.ts'

export const SORT_KEYS = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
] as const
export type SortKey = (typeof SORT_KEYS)[number]

export interface Sort {
  readonly key: SortKey
  readonly direction: 'asc' | 'desc'
}

export type TimeComparison = 'gt' | 'gte' | 'lt' | 'lte' | 'eq' | 'neq'

export interface ImageQuery {
  /** Values of which an attribute must have one. */
  readonly anyOf: Readonly<
    Partial<Record<'id' | 'name' | 'status' | 'disk_format' | 'container_format', readonly string[]>>
  >
  readonly owner?: string
  readonly protected?: boolean
  readonly hidden: boolean
  readonly md5?: string
  readonly sha512?: string
  /** Absent: what a caller may be expected to work with; `all`: whatever they may see. */
  readonly visibility?: Visibility | 'all'
  /** For images shared with the caller. */
  readonly member_status: MemberStatus | 'all'
  /** All of them must be there. */
  readonly tags: readonly string[]
  readonly properties: Readonly<Record<string, string>>
  readonly size_min?: number
  readonly size_max?: number
  readonly times: readonly {
    readonly column: 'created_at' | 'updated_at'
    readonly is: TimeComparison
    readonly at: Date
  }[]
  readonly sort: readonly Sort[]
  readonly limit: number
  /** Id of the last image of the page before. */
  readonly marker?: string
}

type Condition = postgres.Fragment

/** A page of images that the caller may see, in the order asked for. */
export async function listImages(sql: GlobalSql, ctx: RequestContext, query: ImageQuery): Promise<Image[]> {
  const order = totalOrder(query.sort)
  const conditions = [...filters(sql, query), visible(sql, ctx, query)]
  if (query.marker !== undefined) conditions.push(after(sql, query.marker, order))
  return sql<Image[]>`
    select images.* from images
    where ${joined(sql, conditions, 'and')}
    order by ${orderBy(sql, order)}
    limit ${query.limit}`
}

function filters(sql: GlobalSql, query: ImageQuery): Condition[] {
  const conditions: Condition[] = [sql`hidden = ${query.hidden}`]
  for (const [column, values] of Object.entries(query.anyOf)) {
    // The id is a uuid, and what is none matches nothing instead of failing.
    conditions.push(sql`${sql(column)}::text = any(${[...values]})`)
  }
  if (query.owner !== undefined) conditions.push(sql`owner = ${query.owner}`)
  if (query.protected !== undefined) conditions.push(sql`protected = ${query.protected}`)
  if (query.md5 !== undefined) conditions.push(sql`md5 = ${query.md5}`)
  if (query.sha512 !== undefined) conditions.push(sql`sha512 = ${query.sha512}`)
  if (query.tags.length > 0) conditions.push(sql`tags @> ${[...query.tags]}`)
  if (query.size_min !== undefined) conditions.push(sql`size_bytes >= ${query.size_min}`)
  if (query.size_max !== undefined) conditions.push(sql`size_bytes <= ${query.size_max}`)
  if (Object.keys(query.properties).length > 0) conditions.push(sql`properties @> ${sql.json({ ...query.properties })}`)
  for (const { column, is, at } of query.times) conditions.push(timeIs(sql, column, is, at))
  return conditions
}

/** Times are shown to the second, so that is also how they are compared. */
function timeIs(sql: GlobalSql, column: string, is: TimeComparison, at: Date): Condition {
  const time = sql`date_trunc('second', ${sql(column)})`
  const operators: Record<TimeComparison, Condition> = {
    gt: sql`>`,
    gte: sql`>=`,
    lt: sql`<`,
    lte: sql`<=`,
    eq: sql`=`,
    neq: sql`<>`,
  }
  return sql`${time} ${operators[is]} ${at}`
}

/**
 * Without a visibility asked for: public images, the caller's own, and shared ones that were accepted; other projects'
 * community images only where they are asked for. An administrator sees the private ones of all projects too.
 */
function visible(sql: GlobalSql, ctx: RequestContext, query: ImageQuery): Condition {
  const own = sql`owner = ${ctx.projectId}`
  const sharedWithMe = sql`(visibility = 'shared' and exists (
    select from image_members
    where image_id = images.id and member_id = ${ctx.projectId}
      and (${query.member_status} = 'all' or image_members.status = ${query.member_status})))`
  const communityAsked = query.visibility === 'community' || query.visibility === 'all'
  const community = sql`(visibility = 'community' and ${communityAsked})`
  const allowed = ctx.isAdmin
    ? sql`(visibility <> 'community' or ${own} or ${community})`
    : sql`(visibility = 'public' or ${own} or ${sharedWithMe} or ${community})`
  if (query.visibility === undefined || query.visibility === 'all') return allowed
  return sql`(visibility = ${query.visibility} and ${allowed})`
}

/** Ties are broken by age and id, so that pages neither repeat nor leave out. */
function totalOrder(sort: readonly Sort[]): Sort[] {
  const order = sort.length > 0 ? [...sort] : [{ key: 'created_at', direction: 'desc' } as const]
  const direction = order[0]!.direction
  for (const key of ['created_at', 'id'] as const) {
    if (!order.some((each) => each.key === key)) order.push({ key, direction })
  }
  return order
}

/** A sort key as an expression that is never null. */
function sortExpression(sql: GlobalSql, key: SortKey): Condition {
  switch (key) {
    case 'size':
      return sql`coalesce(size_bytes, -1)`
    case 'name':
    case 'container_format':
    case 'disk_format':
      return sql`coalesce(${sql(key)}, '')`
    default:
      return sql`${sql(key)}`
  }
}

function orderBy(sql: GlobalSql, order: readonly Sort[]): Condition {
  return order
    .map(({ key, direction }) => sql`${sortExpression(sql, key)} ${direction === 'asc' ? sql`asc` : sql`desc`}`)
    .reduce((all, next) => sql`${all}, ${next}`)
}

/** Behind the marker in the order: greater in one key and equal in all keys before it. */
function after(sql: GlobalSql, marker: string, order: readonly Sort[]): Condition {
  const alternatives = order.map(({ key, direction }, index) => {
    const value = (each: SortKey) => sql`(select ${sortExpression(sql, each)} from images where id = ${marker})`
    const equal = order.slice(0, index).map((each) => sql`${sortExpression(sql, each.key)} = ${value(each.key)}`)
    const beyond = direction === 'asc' ? sql`>` : sql`<`
    return sql`(${joined(sql, [...equal, sql`${sortExpression(sql, key)} ${beyond} ${value(key)}`], 'and')})`
  })
  return sql`(${joined(sql, alternatives, 'or')})`
}

function joined(sql: GlobalSql, conditions: readonly Condition[], word: 'and' | 'or'): Condition {
  return conditions.reduce((all, next) => (word === 'and' ? sql`${all} and ${next}` : sql`${all} or ${next}`))
}
