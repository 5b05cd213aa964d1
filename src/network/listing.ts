import type postgres from 'postgres'
import type { RequestContext } from '../kernel/index.ts'
import { isUuid } from '../kernel/index.ts'
import type { GlobalSql } from '../platform/db/index.ts'
import { invalidInput } from './failures.ts'

/** Whose view of the resources it is: an administrator sees those of every project. */
export interface Viewer {
  readonly project_id: string
  readonly all: boolean
}

export const viewerOf = (ctx: RequestContext): Viewer => ({ project_id: ctx.projectId, all: ctx.isAdmin })

/** A list request: rows that have one of the values of every filter, sorted, a page of them after `marker`. */
export interface Listing {
  readonly filters: ReadonlyMap<string, readonly string[]>
  readonly sort: readonly { readonly key: string; readonly descending: boolean }[]
  readonly limit: number | null
  /** Id of the last row of the page before; of one that is not there, nothing follows. */
  readonly marker: string | null
}

export interface Page<T> {
  readonly items: T[]
  readonly more: boolean
}

/** Largest page, also of a list without a limit. */
export const MAX_PAGE = 1_000

/** Attributes by which a resource is filtered and sorted: the column of each and how its values read. */
export type Columns = Readonly<Record<string, { readonly column: string; readonly kind: 'uuid' | 'text' | 'boolean' | 'tags' }>>

type Fragment = postgres.Fragment

/**
 * One page of `rows`, a select whose columns have the names in `columns` beside `id` and `created_at`. Filters by other
 * attributes are left to the caller, sorting by them is refused.
 */
export async function page<Row extends object>(
  sql: GlobalSql,
  rows: Fragment,
  columns: Columns,
  listing: Listing,
): Promise<Page<Row>> {
  const conditions = [...listing.filters].flatMap(
    ([name, values]) => condition(sql, columns, name, values) ?? tagCondition(sql, columns, name, values) ?? [],
  )
  const limit = Math.min(listing.limit ?? MAX_PAGE, MAX_PAGE)
  const after = listing.marker === null ? sql`0` : sql`(select place from ordered where id::text = ${listing.marker})`
  const found = await sql<(Row & { place: number })[]>`
    with ordered as (
      select *, row_number() over (order by ${ordering(sql, columns, listing)}) as place
      from (${rows}) rows
      where ${conditions.reduce((all, each) => sql`${all} and ${each}`, sql`true`)}
    )
    select * from ordered where place > ${after} order by place limit ${limit + 1}`
  return { items: found.slice(0, limit), more: found.length > limit }
}

function condition(sql: GlobalSql, columns: Columns, name: string, values: readonly string[]): Fragment | undefined {
  const attribute = Object.hasOwn(columns, name) ? columns[name] : undefined
  if (!attribute) return undefined
  const column = sql(attribute.column)
  switch (attribute.kind) {
    case 'uuid':
      return sql`${column} = any(${values.filter(isUuid)}::uuid[])`
    case 'boolean':
      return sql`${column}::text = any(${values.map((value) => String(/^(true|t|yes|on|1)$/i.test(value)))})`
    case 'text':
      return sql`${column} = any(${values as string[]})`
    case 'tags':
      return sql`${column} @> ${wordsOf(values)}::text[]`
  }
}

/** Tags stand behind commas; given more than once, all of them count. */
const wordsOf = (values: readonly string[]): string[] => values.flatMap((value) => value.split(','))

/** Neutron's other questions about tags: any of these, not all of these, none of these. */
function tagCondition(sql: GlobalSql, columns: Columns, name: string, values: readonly string[]): Fragment | undefined {
  const attribute = columns.tags
  if (!attribute) return undefined
  const [column, words] = [sql(attribute.column), wordsOf(values)]
  switch (name) {
    case 'tags-any':
      return sql`${column} && ${words}::text[]`
    case 'not-tags':
      return sql`not ${column} @> ${words}::text[]`
    case 'not-tags-any':
      return sql`not ${column} && ${words}::text[]`
    default:
      return undefined
  }
}

function ordering(sql: GlobalSql, columns: Columns, listing: Listing): Fragment {
  return listing.sort.reduceRight(
    (rest: Fragment, { key, descending }) => {
      const attribute = Object.hasOwn(columns, key) ? columns[key] : undefined
      if (!attribute) throw invalidInput(`${key.slice(0, 64)} is not an attribute to sort by`)
      return sql`${sql(attribute.column)} ${descending ? sql`desc` : sql`asc`}, ${rest}`
    },
    sql`created_at, id`,
  )
}
