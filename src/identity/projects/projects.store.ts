import type { GlobalSql } from '../../platform/db/index.ts'
import type { Attributes } from '../attributes.ts'

export interface Project {
  readonly id: string
  readonly name: string
  readonly domain_id: string
  /** The domain for a project at the top, as Keystone has it. */
  readonly parent_id: string
  readonly description: string
  readonly enabled: boolean
  readonly tags: readonly string[]
  readonly extra: Attributes
}

export interface ProjectFilter {
  readonly name?: string
  readonly domain_id?: string
  readonly parent_id?: string
  readonly enabled?: boolean
  /** Projects that have all of these. */
  readonly tags?: readonly string[]
}

function columns(sql: GlobalSql) {
  return sql`p.id, p.name, p.domain_id, coalesce(p.parent_id, p.domain_id) as parent_id, p.description, p.enabled,
    p.tags, p.extra`
}

export async function listProjects(sql: GlobalSql, filter: ProjectFilter, count: number, marker?: string) {
  return sql<Project[]>`
    select ${columns(sql)} from projects p
    where true
    ${filter.name === undefined ? sql`` : sql`and p.name = ${filter.name}`}
    ${filter.domain_id === undefined ? sql`` : sql`and p.domain_id = ${filter.domain_id}`}
    ${filter.parent_id === undefined ? sql`` : sql`and coalesce(p.parent_id, p.domain_id) = ${filter.parent_id}`}
    ${filter.enabled === undefined ? sql`` : sql`and p.enabled = ${filter.enabled}`}
    ${filter.tags === undefined ? sql`` : sql`and p.tags @> ${filter.tags as string[]}::text[]`}
    ${marker === undefined ? sql`` : sql`and (p.name, p.id) > (select name, id from projects where id = ${marker})`}
    order by p.name, p.id limit ${count}`
}

/** Projects in which a user has a role. */
export async function listProjectsOfUser(
  sql: GlobalSql,
  userId: string,
  filter: ProjectFilter & { onlyUsable: boolean },
  count: number,
) {
  return sql<Project[]>`
    select ${columns(sql)} from projects p join domains d on d.id = p.domain_id
    where exists (
      select 1 from held_roles a where a.user_id = ${userId} and a.scope = 'project' and a.scope_id = p.id)
    ${filter.onlyUsable ? sql`and p.enabled and d.enabled` : sql``}
    ${filter.name === undefined ? sql`` : sql`and p.name = ${filter.name}`}
    ${filter.domain_id === undefined ? sql`` : sql`and p.domain_id = ${filter.domain_id}`}
    ${filter.enabled === undefined ? sql`` : sql`and p.enabled = ${filter.enabled}`}
    order by p.name, p.id limit ${count}`
}

export async function findProject(sql: GlobalSql, id: string): Promise<Project | undefined> {
  const [row] = await sql<Project[]>`select ${columns(sql)} from projects p where p.id = ${id}`
  return row
}

/** Locks the row until the transaction ends. */
export async function lockProject(sql: GlobalSql, id: string): Promise<Project | undefined> {
  const [row] = await sql<Project[]>`select ${columns(sql)} from projects p where p.id = ${id} for update`
  return row
}

export async function insertProject(sql: GlobalSql, project: Project): Promise<void> {
  await sql`
    insert into projects (id, name, domain_id, parent_id, description, enabled, tags, extra)
    values (${project.id}, ${project.name}, ${project.domain_id}, ${project.parent_id}, ${project.description},
            ${project.enabled}, ${project.tags as string[]}, ${sql.json(project.extra)})`
}

export async function updateProject(sql: GlobalSql, project: Project): Promise<void> {
  await sql`
    update projects set name = ${project.name}, description = ${project.description}, enabled = ${project.enabled},
      tags = ${project.tags as string[]}, extra = ${sql.json(project.extra)}
    where id = ${project.id}`
}

export async function hasChildren(sql: GlobalSql, id: string): Promise<boolean> {
  const rows = await sql`select 1 from projects where parent_id = ${id} limit 1`
  return rows.length > 0
}

/** Removes the project, the roles granted there, and it as anybody's default. */
export async function deleteProject(sql: GlobalSql, id: string): Promise<void> {
  await sql`delete from role_assignments where scope = 'project' and scope_id = ${id}`
  await sql`delete from group_role_assignments where scope = 'project' and scope_id = ${id}`
  await sql`update users set default_project_id = null where default_project_id = ${id}`
  await sql`delete from projects where id = ${id}`
}
