import type { GlobalDb } from '../../platform/db/index.ts'

export async function readLimits(db: GlobalDb, projectId: string): Promise<{ resource: string; hard_limit: number }[]> {
  return db.sql`select resource, hard_limit from quota_limits where project_id = ${projectId}`
}

export async function writeLimits(
  db: GlobalDb,
  projectId: string,
  limits: Readonly<Record<string, number>>,
): Promise<void> {
  const rows = Object.entries(limits).map(([resource, hard_limit]) => ({ project_id: projectId, resource, hard_limit }))
  if (rows.length === 0) return
  await db.sql`
    insert into quota_limits ${db.sql(rows)}
    on conflict (project_id, resource) do update set hard_limit = excluded.hard_limit`
}

export async function dropLimits(db: GlobalDb, projectId: string): Promise<void> {
  await db.sql`delete from quota_limits where project_id = ${projectId}`
}
