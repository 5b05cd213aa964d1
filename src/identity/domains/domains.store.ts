import type { GlobalSql } from '../../platform/db/index.ts'

export interface Domain {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly enabled: boolean
}

export interface DomainFilter {
  readonly name?: string
  readonly enabled?: boolean
}

export async function listDomains(sql: GlobalSql, filter: DomainFilter, count: number, marker?: string) {
  return sql<Domain[]>`
    select id, name, description, enabled from domains
    where true
    ${filter.name === undefined ? sql`` : sql`and name = ${filter.name}`}
    ${filter.enabled === undefined ? sql`` : sql`and enabled = ${filter.enabled}`}
    ${marker === undefined ? sql`` : sql`and (name, id) > (select name, id from domains where id = ${marker})`}
    order by name, id limit ${count}`
}

/** Domains in which a user has a role. */
export async function listDomainsOfUser(sql: GlobalSql, userId: string, count: number) {
  return sql<Domain[]>`
    select id, name, description, enabled from domains d
    where enabled and exists (
      select 1 from held_roles a where a.user_id = ${userId} and a.scope = 'domain' and a.scope_id = d.id)
    order by name, id limit ${count}`
}

export async function findDomain(sql: GlobalSql, id: string): Promise<Domain | undefined> {
  const [row] = await sql<Domain[]>`select id, name, description, enabled from domains where id = ${id}`
  return row
}

export async function insertDomain(sql: GlobalSql, domain: Domain): Promise<void> {
  await sql`insert into domains ${sql(domain, 'id', 'name', 'description', 'enabled')}`
}

export async function updateDomain(sql: GlobalSql, domain: Domain): Promise<void> {
  await sql`update domains set ${sql(domain, 'name', 'description', 'enabled')} where id = ${domain.id}`
}

/** Locks the row until the transaction ends. */
export async function lockDomain(sql: GlobalSql, id: string): Promise<Domain | undefined> {
  const [row] = await sql<Domain[]>`select id, name, description, enabled from domains where id = ${id} for update`
  return row
}

/** Removes the domain with its users, groups, projects and all roles granted there. */
export async function deleteDomain(sql: GlobalSql, id: string): Promise<void> {
  for (const table of ['role_assignments', 'group_role_assignments']) {
    await sql`
      delete from ${sql(table)} a using projects p
      where p.domain_id = ${id} and a.scope = 'project' and a.scope_id = p.id`
    await sql`delete from ${sql(table)} where scope = 'domain' and scope_id = ${id}`
  }
  await sql`delete from groups where domain_id = ${id}`
  await sql`delete from users where domain_id = ${id}`
  await sql`delete from projects where domain_id = ${id}`
  await sql`delete from domains where id = ${id}`
}
