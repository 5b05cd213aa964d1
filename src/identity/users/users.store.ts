import type { GlobalSql } from '../../platform/db/index.ts'
import type { Attributes } from '../attributes.ts'

export interface User {
  readonly id: string
  readonly name: string
  readonly domain_id: string
  readonly email: string | null
  readonly description: string
  readonly default_project_id: string | null
  readonly enabled: boolean
  /** Exemptions such as `ignore_password_expiry`. */
  readonly options: Attributes
  readonly extra: Attributes
}

export interface UserFilter {
  readonly name?: string
  readonly domain_id?: string
  readonly enabled?: boolean
}

function columns(sql: GlobalSql) {
  return sql`id, name, domain_id, email, description, default_project_id, enabled, options, extra`
}

export async function listUsers(sql: GlobalSql, filter: UserFilter, count: number, marker?: string) {
  return sql<User[]>`
    select ${columns(sql)} from users
    where true
    ${filter.name === undefined ? sql`` : sql`and name = ${filter.name}`}
    ${filter.domain_id === undefined ? sql`` : sql`and domain_id = ${filter.domain_id}`}
    ${filter.enabled === undefined ? sql`` : sql`and enabled = ${filter.enabled}`}
    ${marker === undefined ? sql`` : sql`and (name, id) > (select name, id from users where id = ${marker})`}
    order by name, id limit ${count}`
}

export async function findUser(sql: GlobalSql, id: string): Promise<User | undefined> {
  const [row] = await sql<User[]>`select ${columns(sql)} from users where id = ${id}`
  return row
}

/** Locks the row until the transaction ends. */
export async function lockUser(sql: GlobalSql, id: string): Promise<User | undefined> {
  const [row] = await sql<User[]>`select ${columns(sql)} from users where id = ${id} for update`
  return row
}

export async function insertUser(sql: GlobalSql, user: User, passwordHash: string | null): Promise<void> {
  await sql`
    insert into users (id, name, domain_id, email, description, default_project_id, enabled, options, extra,
                       password_hash)
    values (${user.id}, ${user.name}, ${user.domain_id}, ${user.email}, ${user.description},
            ${user.default_project_id}, ${user.enabled}, ${sql.json(user.options)}, ${sql.json(user.extra)},
            ${passwordHash})`
}

export async function updateUser(sql: GlobalSql, user: User): Promise<void> {
  await sql`
    update users set name = ${user.name}, email = ${user.email}, description = ${user.description},
      default_project_id = ${user.default_project_id}, enabled = ${user.enabled},
      options = ${sql.json(user.options)}, extra = ${sql.json(user.extra)}
    where id = ${user.id}`
}

export async function deleteUser(sql: GlobalSql, id: string): Promise<void> {
  await sql`delete from users where id = ${id}`
}

export async function findPasswordHash(sql: GlobalSql, id: string): Promise<string | null | undefined> {
  const [row] = await sql<{ password_hash: string | null }[]>`select password_hash from users where id = ${id}`
  return row?.password_hash
}

export async function updatePasswordHash(sql: GlobalSql, id: string, hash: string | null): Promise<void> {
  await sql`update users set password_hash = ${hash} where id = ${id}`
}
