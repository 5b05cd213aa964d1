import type { GlobalDb } from '../../platform/db/index.ts'

/** Whose limits: of a class, of a project, or of one user in it. */
export type QuotaScope =
  | { readonly class_name: string }
  | { readonly project_id: string; readonly user_id: string | null }

export interface LimitRow {
  readonly scope: 'class' | 'project' | 'user'
  readonly resource: string
  readonly hard_limit: number
}

/** All limits that were ever set and may concern a project's user. */
export async function readLimits(db: GlobalDb, projectId: string, userId: string | null): Promise<LimitRow[]> {
  return db.sql`
    select 'class' as scope, resource, hard_limit from quota_class_limits where class_name = 'default'
    union all
    select 'project', resource, hard_limit from quota_limits where project_id = ${projectId}
    union all
    select 'user', resource, hard_limit from quota_user_limits
    where project_id = ${projectId} and user_id = ${userId}`
}

export async function readClass(db: GlobalDb, className: string): Promise<LimitRow[]> {
  return db.sql`
    select 'class' as scope, resource, hard_limit from quota_class_limits where class_name = ${className}`
}

export async function writeLimits(
  { sql }: GlobalDb,
  scope: QuotaScope,
  limits: Readonly<Record<string, number>>,
): Promise<void> {
  const rows = Object.entries(limits).map(([resource, hard_limit]) => ({ resource, hard_limit }))
  if (rows.length === 0) return
  if ('class_name' in scope) {
    const { class_name } = scope
    await sql`
      insert into quota_class_limits ${sql(rows.map((row) => ({ class_name, ...row })))}
      on conflict (class_name, resource) do update set hard_limit = excluded.hard_limit`
    return
  }
  const { project_id, user_id } = scope
  if (user_id === null) {
    await sql`
      insert into quota_limits ${sql(rows.map((row) => ({ project_id, ...row })))}
      on conflict (project_id, resource) do update set hard_limit = excluded.hard_limit`
    return
  }
  await sql`
    insert into quota_user_limits ${sql(rows.map((row) => ({ project_id, user_id, ...row })))}
    on conflict (project_id, user_id, resource) do update set hard_limit = excluded.hard_limit`
}

/** Drops the limits of one user, or all that were set for a project and its users. */
export async function dropLimits({ sql }: GlobalDb, projectId: string, userId: string | null): Promise<void> {
  await sql`
    with users as (
      delete from quota_user_limits
      where project_id = ${projectId} and (${userId}::text is null or user_id = ${userId})
    )
    delete from quota_limits where project_id = ${projectId} and ${userId}::text is null`
}
