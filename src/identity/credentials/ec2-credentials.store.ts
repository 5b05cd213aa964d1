import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'

/** A key pair for signing requests. */
export interface Ec2Credential {
  readonly access: string
  readonly secret: string
  readonly user_id: string
  readonly project_id: string
}

export async function listCredentials(sql: GlobalSql, filter: { user_id?: string | undefined }, count: number) {
  return sql<Ec2Credential[]>`
    select access, secret, user_id, project_id from ec2_credentials
    ${filter.user_id === undefined ? sql`` : sql`where user_id = ${filter.user_id}`}
    order by created_at, access limit ${count}`
}

export async function findCredential(sql: GlobalSql, access: string): Promise<Ec2Credential | undefined> {
  const [row] = await sql<Ec2Credential[]>`
    select access, secret, user_id, project_id from ec2_credentials where access = ${access}`
  return row
}

/** Locks the user, so that two at once cannot both be the last that is allowed. */
export async function countCredentials(tx: GlobalTx, userId: string): Promise<number> {
  await tx`select 1 from users where id = ${userId} for update`
  const [row] = await tx<{ count: number }[]>`select count(*) as count from ec2_credentials where user_id = ${userId}`
  return row?.count ?? 0
}

/** Whether the user may do anything in the project; keeps the project from being deleted meanwhile. */
export async function hasRole(tx: GlobalTx, { user_id, project_id }: Pick<Ec2Credential, 'user_id' | 'project_id'>) {
  const rows = await tx`
    select 1 from projects p
    where p.id = ${project_id} and exists (
      select 1 from held_roles a where a.user_id = ${user_id} and a.scope = 'project' and a.scope_id = p.id)
    for key share`
  return rows.length > 0
}

export async function insertCredential(tx: GlobalTx, credential: Ec2Credential): Promise<void> {
  await tx`insert into ec2_credentials ${tx(credential, 'access', 'secret', 'user_id', 'project_id')}`
}

/** False when the user has none of that name. */
export async function deleteCredential(sql: GlobalSql, userId: string, access: string): Promise<boolean> {
  const { count } = await sql`delete from ec2_credentials where access = ${access} and user_id = ${userId}`
  return count > 0
}
