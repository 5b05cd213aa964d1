import type { GlobalSql, GlobalTx } from '../platform/db/index.ts'

export async function findBootstrap(sql: GlobalSql): Promise<{ node: string | null } | undefined> {
  const [row] = await sql<{ node: string | null }[]>`select node from identity_bootstrap`
  return row
}

/** False when another transaction has done it; waits for one that is at it. */
export async function markBootstrapped(tx: GlobalTx, node: string | null): Promise<boolean> {
  const { count } = await tx`insert into identity_bootstrap (node) values (${node}) on conflict do nothing`
  return count > 0
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
