import type { GlobalDb, GlobalSql, GlobalTx } from '../../platform/db/index.ts'

export interface FlavorRow {
  readonly id: number
  readonly flavor_id: string
  readonly name: string
  readonly description: string | null
  readonly vcpus: number
  readonly memory_mb: number
  readonly root_gb: number
  readonly ephemeral_gb: number
  readonly swap_mb: number
  readonly rxtx_factor: number
  readonly is_public: boolean
  readonly disabled: boolean
  readonly extra_specs: Readonly<Record<string, string>>
  readonly created_at: Date
  readonly updated_at: Date | null
}

export type NewFlavor = Pick<
  FlavorRow,
  | 'flavor_id'
  | 'name'
  | 'description'
  | 'vcpus'
  | 'memory_mb'
  | 'root_gb'
  | 'ephemeral_gb'
  | 'swap_mb'
  | 'rxtx_factor'
  | 'is_public'
>

export const FLAVOR_SORT_COLUMNS = [
  'created_at',
  'description',
  'disabled',
  'ephemeral_gb',
  'flavor_id',
  'id',
  'is_public',
  'memory_mb',
  'name',
  'root_gb',
  'rxtx_factor',
  'swap_mb',
  'updated_at',
  'vcpus',
] as const
export type FlavorSortColumn = (typeof FLAVOR_SORT_COLUMNS)[number]

export interface FlavorQuery {
  /** True: public ones and those the project has been given; false: private ones; null: all. */
  readonly is_public: boolean | null
  /** Whose private flavors count as visible. */
  readonly project_id: string
  readonly with_disabled: boolean
  readonly min_memory_mb: number
  readonly min_root_gb: number
  /** Part of the name, in any case; null for all. */
  readonly name: string | null
  readonly sort_column: FlavorSortColumn
  readonly descending: boolean
  readonly limit: number
  /** flavor_id of the last flavor of the page before. */
  readonly marker: string | null
}

export async function insertFlavor(db: GlobalDb | GlobalTx, flavor: NewFlavor): Promise<FlavorRow> {
  const sql = 'sql' in db ? db.sql : db
  const [row] = await sql<FlavorRow[]>`insert into flavors ${sql(flavor)} returning *`
  return row as FlavorRow
}

/** Puts `flavors` there unless there is any flavor yet. */
export async function seedFlavors(db: GlobalDb, flavors: readonly NewFlavor[]): Promise<void> {
  await db.transaction(async (tx) => {
    await tx`lock table flavors in share row exclusive mode`
    const [any] = await tx`select from flavors limit 1`
    if (!any) await tx`insert into flavors ${tx(flavors)}`
  })
}

/** A flavor that `projectId` may see; all of them for `null`. */
export async function findFlavor(
  sql: GlobalSql,
  flavorId: string,
  projectId: string | null,
): Promise<FlavorRow | null> {
  // Who may see it is decided here: as a condition, it would make PostgreSQL plan the statement anew each time.
  const [row] = await sql<(FlavorRow & { is_given: boolean })[]>`
    select *, exists (
      select from flavor_access as given
      where given.flavor_id = flavors.flavor_id and given.project_id = ${projectId}
    ) as is_given
    from flavors where flavor_id = ${flavorId}`
  if (!row) return null
  const { is_given, ...flavor } = row
  return flavor.is_public || is_given || projectId === null ? flavor : null
}

/** @returns a page in order, ties by flavor_id; null when there is no flavor `marker`. */
export async function listFlavors(db: GlobalDb, query: FlavorQuery): Promise<FlavorRow[] | null> {
  const { sql } = db
  const rows = await sql<FlavorRow[]>`
    select flavors.* from flavors
    where (${query.is_public}::boolean is null or is_public = ${query.is_public}
        or (${query.is_public} and exists (select from flavor_access as given
              where given.flavor_id = flavors.flavor_id and given.project_id = ${query.project_id})))
      and (${query.with_disabled} or not disabled)
      and memory_mb >= ${query.min_memory_mb}
      and root_gb >= ${query.min_root_gb}
      and (${query.name}::text is null or strpos(lower(name), lower(${query.name})) > 0)
    order by ${sql(query.sort_column)} ${query.descending ? sql`desc nulls last` : sql`asc nulls first`}, flavor_id`
  if (query.marker === null) return rows.slice(0, query.limit)
  const at = rows.findIndex((row) => row.flavor_id === query.marker)
  return at < 0 ? null : rows.slice(at + 1, at + 1 + query.limit)
}

export async function updateDescription(
  db: GlobalDb,
  flavorId: string,
  description: string | null,
): Promise<FlavorRow | null> {
  const [row] = await db.sql<FlavorRow[]>`
    update flavors set description = ${description}, updated_at = now() where flavor_id = ${flavorId} returning *`
  return row ?? null
}

/** @returns false when there was none. */
export async function deleteFlavor(db: GlobalDb, flavorId: string): Promise<boolean> {
  const { count } = await db.sql`delete from flavors where flavor_id = ${flavorId}`
  return count > 0
}

export async function mergeExtraSpecs(
  db: GlobalDb,
  flavorId: string,
  specs: Readonly<Record<string, string>>,
): Promise<boolean> {
  const { count } = await db.sql`
    update flavors set extra_specs = extra_specs || ${db.sql.json(specs)}, updated_at = now()
    where flavor_id = ${flavorId}`
  return count > 0
}

/** @returns false when the flavor has no such key. */
export async function deleteExtraSpec(db: GlobalDb, flavorId: string, key: string): Promise<boolean> {
  const { count } = await db.sql`
    update flavors set extra_specs = extra_specs - ${key}::text, updated_at = now()
    where flavor_id = ${flavorId} and extra_specs ? ${key}`
  return count > 0
}

export async function listAccess(sql: GlobalSql, flavorId: string): Promise<{ project_id: string }[]> {
  return sql`select project_id from flavor_access where flavor_id = ${flavorId} order by project_id`
}

/** @returns false when the project has it already. */
export async function grantAccess(db: GlobalDb, flavorId: string, projectId: string): Promise<boolean> {
  const { count } = await db.sql`
    insert into flavor_access (flavor_id, project_id) values (${flavorId}, ${projectId}) on conflict do nothing`
  return count > 0
}

/** @returns false when the project did not have it. */
export async function revokeAccess(db: GlobalDb, flavorId: string, projectId: string): Promise<boolean> {
  const { count } = await db.sql`
    delete from flavor_access where flavor_id = ${flavorId} and project_id = ${projectId}`
  return count > 0
}
