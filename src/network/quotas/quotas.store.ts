import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'

/** What is counted, and in which table. */
export const COUNTED = {
  network: 'networks',
  subnet: 'subnets',
  port: 'ports',
  router: 'routers',
  floatingip: 'floating_ips',
  security_group: 'security_groups',
  security_group_rule: 'security_group_rules',
} as const
export type Counted = keyof typeof COUNTED

export interface QuotaRow {
  readonly project_id: string
  readonly resource: Counted
  readonly hard_limit: number
}

export async function quotasOf(sql: GlobalSql, projectId: string): Promise<QuotaRow[]> {
  return sql<QuotaRow[]>`select project_id, resource, hard_limit from network_quotas where project_id = ${projectId}`
}

/** Of the projects that have quotas of their own, in order. */
export async function allQuotas(sql: GlobalSql, limit: number): Promise<QuotaRow[]> {
  return sql<QuotaRow[]>`
    select project_id, resource, hard_limit from network_quotas order by project_id, resource limit ${limit}`
}

/** The limit, read so that whoever else wants to add one of the kind waits until the transaction ends. */
export async function lockLimit(tx: GlobalTx, projectId: string, resource: Counted): Promise<number | null> {
  const [row] = await tx<{ hard_limit: number }[]>`
    select hard_limit from network_quotas where project_id = ${projectId} and resource = ${resource}
    for no key update`
  return row && row.hard_limit >= 0 ? row.hard_limit : null
}

export async function countOf(sql: GlobalSql, projectId: string, resource: Counted): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) as count from ${sql(COUNTED[resource])} where project_id = ${projectId}`
  return row?.count ?? 0
}

export async function setQuotas(sql: GlobalSql, rows: readonly QuotaRow[]): Promise<void> {
  await sql`
    insert into network_quotas ${sql(rows.map((row) => ({ ...row })))}
    on conflict (project_id, resource) do update set hard_limit = excluded.hard_limit`
}

export async function deleteQuotas(sql: GlobalSql, projectId: string): Promise<void> {
  await sql`delete from network_quotas where project_id = ${projectId}`
}
