import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import type { User } from '../users/users.store.ts'

export interface Group {
  readonly id: string
  readonly name: string
  readonly domain_id: string
  readonly description: string
}

export interface GroupFilter {
  readonly name?: string
  readonly domain_id?: string
  /** Groups that this user is in. */
  readonly user_id?: string
}

export async function listGroups(sql: GlobalSql, filter: GroupFilter, count: number, marker?: string) {
  return sql<Group[]>`
    select id, name, domain_id, description from groups
    where true
    ${filter.name === undefined ? sql`` : sql`and name = ${filter.name}`}
    ${filter.domain_id === undefined ? sql`` : sql`and domain_id = ${filter.domain_id}`}
    ${filter.user_id === undefined ? sql`` : sql`and id in (select group_id from group_members where user_id = ${filter.user_id})`}
    ${marker === undefined ? sql`` : sql`and (name, id) > (select name, id from groups where id = ${marker})`}
    order by name, id limit ${count}`
}

export async function findGroup(sql: GlobalSql, id: string): Promise<Group | undefined> {
  const [row] = await sql<Group[]>`select id, name, domain_id, description from groups where id = ${id}`
  return row
}

/** Locks the row until the transaction ends. */
export async function lockGroup(tx: GlobalTx, id: string): Promise<Group | undefined> {
  const [row] = await tx<Group[]>`select id, name, domain_id, description from groups where id = ${id} for update`
  return row
}

export async function insertGroup(sql: GlobalSql, group: Group): Promise<void> {
  await sql`insert into groups ${sql(group, 'id', 'name', 'domain_id', 'description')}`
}

export async function updateGroup(tx: GlobalTx, group: Group): Promise<void> {
  await tx`update groups set ${tx(group, 'name', 'description')} where id = ${group.id}`
}

export async function deleteGroup(tx: GlobalTx, id: string): Promise<void> {
  await tx`delete from groups where id = ${id}`
}

export async function listMembers(sql: GlobalSql, id: string, count: number): Promise<User[]> {
  return sql<User[]>`
    select id, name, domain_id, email, description, default_project_id, enabled, options, extra
    from users where id in (select user_id from group_members where group_id = ${id})
    order by name, id limit ${count}`
}

export async function memberIds(sql: GlobalSql, id: string): Promise<string[]> {
  const rows = await sql<{ user_id: string }[]>`select user_id from group_members where group_id = ${id}`
  return rows.map((row) => row.user_id)
}

export async function isMember(sql: GlobalSql, id: string, userId: string): Promise<boolean> {
  const rows = await sql`select from group_members where group_id = ${id} and user_id = ${userId}`
  return rows.length > 0
}

export async function addMember(tx: GlobalTx, id: string, userId: string): Promise<void> {
  await tx`insert into group_members (group_id, user_id) values (${id}, ${userId}) on conflict do nothing`
}

/** False when the user was not in it. */
export async function removeMember(tx: GlobalTx, id: string, userId: string): Promise<boolean> {
  const { count } = await tx`delete from group_members where group_id = ${id} and user_id = ${userId}`
  return count > 0
}
