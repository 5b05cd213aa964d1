import type { GlobalSql } from '../../platform/db/index.ts'

export interface Role {
  readonly id: string
  readonly name: string
  readonly description: string | null
  /** Policy relies on it: it cannot be renamed or deleted. */
  readonly immutable: boolean
}

export async function listRoles(sql: GlobalSql, filter: { name?: string }, count: number, marker?: string) {
  return sql<Role[]>`
    select id, name, description, immutable from roles
    where true
    ${filter.name === undefined ? sql`` : sql`and name = ${filter.name}`}
    ${marker === undefined ? sql`` : sql`and (name, id) > (select name, id from roles where id = ${marker})`}
    order by name, id limit ${count}`
}

export async function findRole(sql: GlobalSql, id: string): Promise<Role | undefined> {
  const [row] = await sql<Role[]>`select id, name, description, immutable from roles where id = ${id}`
  return row
}

export async function lockRole(sql: GlobalSql, id: string): Promise<Role | undefined> {
  const [row] = await sql<Role[]>`select id, name, description, immutable from roles where id = ${id} for update`
  return row
}

export async function insertRole(sql: GlobalSql, role: Role): Promise<void> {
  await sql`insert into roles ${sql(role, 'id', 'name', 'description', 'immutable')}`
}

export async function updateRole(sql: GlobalSql, role: Role): Promise<void> {
  await sql`update roles set ${sql(role, 'name', 'description', 'immutable')} where id = ${role.id}`
}

export async function deleteRole(sql: GlobalSql, id: string): Promise<void> {
  await sql`delete from roles where id = ${id}`
}

export interface Implication {
  readonly prior_id: string
  readonly prior_name: string
  readonly implied_id: string
  readonly implied_name: string
}

/** Direct implications, of one role or of all. */
export async function listImplications(sql: GlobalSql, priorId?: string): Promise<Implication[]> {
  return sql<Implication[]>`
    select p.id as prior_id, p.name as prior_name, i.id as implied_id, i.name as implied_name
    from role_implications ri join roles p on p.id = ri.role_id join roles i on i.id = ri.implied_role_id
    ${priorId === undefined ? sql`` : sql`where p.id = ${priorId}`}
    order by p.name, i.name`
}

/** True when `priorId` is implied, directly or not, by `impliedId`. */
export async function wouldBeCircular(sql: GlobalSql, priorId: string, impliedId: string): Promise<boolean> {
  const rows = await sql`
    with recursive held as (
      select ${impliedId}::text as id
      union
      select i.implied_role_id from held join role_implications i on i.role_id = held.id
    )
    select 1 from held where id = ${priorId}`
  return rows.length > 0
}

export async function insertImplication(sql: GlobalSql, priorId: string, impliedId: string): Promise<void> {
  await sql`
    insert into role_implications (role_id, implied_role_id) values (${priorId}, ${impliedId}) on conflict do nothing`
}

/** False when there was none. */
export async function deleteImplication(sql: GlobalSql, priorId: string, impliedId: string): Promise<boolean> {
  const { count } = await sql`
    delete from role_implications where role_id = ${priorId} and implied_role_id = ${impliedId}`
  return count > 0
}
