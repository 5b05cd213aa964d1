import type { GlobalSql } from '../../platform/db/index.ts'

export interface SecurityGroup {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly project_id: string
  readonly created_at: Date
  readonly updated_at: Date
  readonly revision: number
}

export interface SecurityGroupRule {
  readonly id: string
  readonly security_group_id: string
  readonly project_id: string
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  /** Name or number as it was given; null is any. */
  readonly protocol: string | null
  /** For ICMP its type and code. */
  readonly port_range_min: number | null
  readonly port_range_max: number | null
  readonly remote_ip_prefix: string | null
  readonly remote_group_id: string | null
  readonly description: string
  readonly created_at: Date
}

export type NewSecurityGroup = Pick<SecurityGroup, 'id' | 'name' | 'description' | 'project_id'>
export type NewSecurityGroupRule = Omit<SecurityGroupRule, 'created_at'>

export async function groupByName(sql: GlobalSql, projectId: string, name: string): Promise<string | undefined> {
  const [row] = await sql<{ id: string }[]>`
    select id from security_groups where project_id = ${projectId} and name = ${name}`
  return row?.id
}

/** False when the project has a default group already and this would be a second one. */
export async function insertGroup(sql: GlobalSql, group: NewSecurityGroup): Promise<boolean> {
  const rows = await sql`
    insert into security_groups ${sql({ ...group })}
    on conflict (project_id) where name = 'default' do nothing
    returning id`
  return rows.length > 0
}

export async function insertRules(sql: GlobalSql, rules: readonly NewSecurityGroupRule[]): Promise<void> {
  await sql`insert into security_group_rules ${sql(rules.map((rule) => ({ ...rule })))}`
}
