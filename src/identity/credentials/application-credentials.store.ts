import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import type { RefInDomain } from '../authentication/request.ts'
import type { Role } from '../roles/roles.store.ts'

export interface ApplicationCredential {
  readonly id: string
  readonly name: string
  readonly description: string | null
  readonly user_id: string
  readonly project_id: string
  readonly unrestricted: boolean
  readonly expires_at: Date | null
  readonly roles: readonly Role[]
}

function columns(sql: GlobalSql) {
  return sql`
    c.id, c.name, c.description, c.user_id, c.project_id, c.unrestricted, c.expires_at,
    (select coalesce(json_agg(json_build_object('id', r.id, 'name', r.name, 'description', r.description,
                                                'immutable', r.immutable) order by r.name), '[]')
     from application_credential_roles cr join roles r on r.id = cr.role_id where cr.credential_id = c.id) as roles`
}

export async function listCredentials(sql: GlobalSql, userId: string, name?: string) {
  return sql<ApplicationCredential[]>`
    select ${columns(sql)} from application_credentials c
    where c.user_id = ${userId} ${name === undefined ? sql`` : sql`and c.name = ${name}`}
    order by c.name`
}

export async function findCredential(
  sql: GlobalSql,
  userId: string,
  id: string,
): Promise<ApplicationCredential | undefined> {
  const [row] = await sql<ApplicationCredential[]>`
    select ${columns(sql)} from application_credentials c where c.id = ${id} and c.user_id = ${userId}`
  return row
}

/** Locks the user, so that two at once cannot both be the last that is allowed. */
export async function countCredentials(tx: GlobalTx, userId: string): Promise<number> {
  await tx`select 1 from users where id = ${userId} for update`
  const [row] = await tx<{ count: number }[]>`
    select count(*) as count from application_credentials where user_id = ${userId}`
  return row?.count ?? 0
}

export async function insertCredential(
  tx: GlobalTx,
  { roles, ...credential }: ApplicationCredential,
  secretHash: string,
): Promise<void> {
  await tx`
    insert into application_credentials ${tx({ ...credential, secret_hash: secretHash })}`
  const granted = roles.map((role) => ({ credential_id: credential.id, role_id: role.id }))
  await tx`insert into application_credential_roles ${tx(granted)}`
}

/** False when the user has none of that id. */
export async function deleteCredential(tx: GlobalTx, userId: string, id: string): Promise<boolean> {
  const { count } = await tx`delete from application_credentials where id = ${id} and user_id = ${userId}`
  return count > 0
}

export interface CredentialLogin {
  readonly id: string
  readonly user_id: string
  readonly project_id: string
  readonly secret_hash: string
  readonly unrestricted: boolean
  readonly expires_at: Date | null
}

/** What it takes to check a login by credential. */
export async function findCredentialLogin(
  sql: GlobalSql,
  ref: { readonly id: string } | { readonly name: string; readonly user: RefInDomain },
): Promise<CredentialLogin | undefined> {
  const [row] = await sql<CredentialLogin[]>`
    select c.id, c.user_id, c.project_id, c.secret_hash, c.unrestricted, c.expires_at
    from application_credentials c join users u on u.id = c.user_id join domains d on d.id = u.domain_id
    where ${'id' in ref ? sql`c.id = ${ref.id}` : sql`c.name = ${ref.name} and ${isUser(sql, ref.user)}`}`
  return row
}

function isUser(sql: GlobalSql, user: RefInDomain) {
  if ('id' in user) return sql`u.id = ${user.id}`
  const domain = 'id' in user.domain ? sql`d.id = ${user.domain.id}` : sql`d.name = ${user.domain.name}`
  return sql`u.name = ${user.name} and ${domain}`
}
