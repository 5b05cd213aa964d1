import type { GlobalSql, GlobalTx } from '../platform/db/index.ts'

/** The id of a user by name in the default domain. */
export async function findDefaultUser(sql: GlobalSql, name: string): Promise<string | undefined> {
  const [row] = await sql<{ id: string }[]>`select id from users where name = ${name} and domain_id = 'default'`
  return row?.id
}

interface NamedRow extends Record<string, string | boolean | null> {
  id: string
  name: string
}

export async function insertRoles(tx: GlobalTx, roles: NamedRow[]): Promise<void> {
  await tx`insert into roles ${tx(roles)}`
}

export async function insertImplications(
  tx: GlobalTx,
  implications: { role_id: string; implied_role_id: string }[],
): Promise<void> {
  await tx`insert into role_implications ${tx(implications)}`
}

export async function insertProjects(tx: GlobalTx, projects: NamedRow[]): Promise<void> {
  await tx`insert into projects ${tx(projects)}`
}

export async function insertUsers(tx: GlobalTx, users: NamedRow[]): Promise<void> {
  await tx`insert into users ${tx(users)}`
}

export async function insertGrants(
  tx: GlobalTx,
  grants: { user_id: string; role_id: string; scope: string; scope_id: string }[],
): Promise<void> {
  await tx`insert into role_assignments ${tx(grants)}`
}
