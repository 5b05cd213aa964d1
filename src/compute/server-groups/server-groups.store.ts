import type { Fragment, GlobalDb, GlobalSql } from '../../platform/db/index.ts'

export type GroupPolicy = 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity'

export interface ServerGroup {
  readonly id: string
  readonly project_id: string
  readonly user_id: string
  readonly name: string
  readonly policy: GroupPolicy
  readonly max_server_per_host: number | null
  readonly created_at: Date
  /** Ids of its servers, in the order in which they were asked for. */
  readonly members: readonly string[]
}

const withMembers = (sql: GlobalSql): Fragment => sql`
  server_groups.*, array(
    select server_id from server_mappings where group_id = server_groups.id order by created_at, server_id
  ) as members`

/**
 * Adds a group unless the project or its user has as many as they may already (-1: any number). Requests of one project
 * wait for each other, so that the count is exact.
 * @returns null over a limit.
 */
export async function insertGroup(
  db: GlobalDb,
  group: Omit<ServerGroup, 'created_at' | 'members'>,
  limits: { readonly project: number; readonly user: number },
): Promise<ServerGroup | null> {
  const { id, project_id, user_id, name, policy, max_server_per_host } = group
  return db.transaction(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended(${`server groups ${project_id}`}, 0))`
    const [row] = await tx<ServerGroup[]>`
      insert into server_groups (id, project_id, user_id, name, policy, max_server_per_host)
      select ${id}, ${project_id}, ${user_id}, ${name}, ${policy}, ${max_server_per_host}
      from (
        select count(*) as of_project, count(*) filter (where user_id = ${user_id}) as of_user
        from server_groups where project_id = ${project_id}
      ) counted
      where (${limits.project} < 0 or of_project < ${limits.project}) and (${limits.user} < 0 or of_user < ${limits.user})
      returning *, array[]::uuid[] as members`
    return row ?? null
  })
}

export async function findGroup(sql: GlobalSql, id: string): Promise<ServerGroup | null> {
  const [row] = await sql<ServerGroup[]>`select ${withMembers(sql)} from server_groups where id = ${id}`
  return row ?? null
}

/** In the order in which they were made. @param projectId null for those of all projects */
export async function listGroups(
  sql: GlobalSql,
  { projectId, limit, offset }: { projectId: string | null; limit: number; offset: number },
): Promise<ServerGroup[]> {
  return sql`
    select ${withMembers(sql)} from server_groups where ${projectId}::text is null or project_id = ${projectId}
    order by number limit ${limit} offset ${offset}`
}

/** @param userId null for those of the whole project */
export async function countGroups(sql: GlobalSql, projectId: string, userId: string | null): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) from server_groups
    where project_id = ${projectId} and (${userId}::text is null or user_id = ${userId})`
  return row?.count ?? 0
}

/** @returns false when there was none. */
export async function deleteGroup(sql: GlobalSql, id: string): Promise<boolean> {
  const [gone] = await sql`
    with gone as (
      delete from server_groups where id = ${id} returning id
    ), left_behind as (
      update server_mappings set group_id = null where group_id in (select id from gone)
    )
    select id from gone`
  return gone !== undefined
}
