import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import { type Columns, type Listing, type Page, page, type Viewer } from '../listing.ts'

export interface SecurityGroup {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly project_id: string
  readonly tags: readonly string[]
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

const GROUP_COLUMNS: Columns = {
  id: { column: 'id', kind: 'uuid' },
  name: { column: 'name', kind: 'text' },
  description: { column: 'description', kind: 'text' },
  project_id: { column: 'project_id', kind: 'text' },
  tenant_id: { column: 'project_id', kind: 'text' },
  tags: { column: 'tags', kind: 'tags' },
}

const RULE_COLUMNS: Columns = {
  id: { column: 'id', kind: 'uuid' },
  security_group_id: { column: 'security_group_id', kind: 'uuid' },
  remote_group_id: { column: 'remote_group_id', kind: 'uuid' },
  project_id: { column: 'project_id', kind: 'text' },
  tenant_id: { column: 'project_id', kind: 'text' },
  direction: { column: 'direction', kind: 'text' },
  ethertype: { column: 'ethertype', kind: 'text' },
  protocol: { column: 'protocol', kind: 'text' },
  description: { column: 'description', kind: 'text' },
  remote_ip_prefix: { column: 'remote_ip_prefix', kind: 'text' },
}

const ownGroups = (sql: GlobalSql, viewer: Viewer) => sql`
  select * from security_groups where ${viewer.all} or project_id = ${viewer.project_id}`

const ownRules = (sql: GlobalSql, viewer: Viewer) => sql`
  select
    id, security_group_id, project_id, direction, ethertype, protocol, port_range_min, port_range_max,
    remote_ip_prefix::text as remote_ip_prefix, remote_group_id, description, created_at
  from security_group_rules
  where ${viewer.all} or project_id = ${viewer.project_id}`

export function listGroups(sql: GlobalSql, viewer: Viewer, listing: Listing): Promise<Page<SecurityGroup>> {
  return page(sql, ownGroups(sql, viewer), GROUP_COLUMNS, listing)
}

export function listRules(sql: GlobalSql, viewer: Viewer, listing: Listing): Promise<Page<SecurityGroupRule>> {
  return page(sql, ownRules(sql, viewer), RULE_COLUMNS, listing)
}

export async function rulesOf(sql: GlobalSql, groupIds: readonly string[]): Promise<SecurityGroupRule[]> {
  return sql`
    select * from (${ownRules(sql, { all: true, project_id: '' })}) rules
    where security_group_id = any(${groupIds as string[]}::uuid[])
    order by created_at, direction, ethertype, id`
}

export async function showGroup(sql: GlobalSql, viewer: Viewer, id: string): Promise<SecurityGroup | undefined> {
  const [group] = await sql<SecurityGroup[]>`select * from (${ownGroups(sql, viewer)}) groups where id = ${id}`
  return group
}

export async function showRule(sql: GlobalSql, viewer: Viewer, id: string): Promise<SecurityGroupRule | undefined> {
  const [rule] = await sql<SecurityGroupRule[]>`select * from (${ownRules(sql, viewer)}) rules where id = ${id}`
  return rule
}

/** Of these ids, those of groups that the viewer may use. */
export async function visibleGroups(sql: GlobalSql, viewer: Viewer, ids: readonly string[]): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from (${ownGroups(sql, viewer)}) groups where id = any(${ids as string[]}::uuid[])`
  return rows.map((row) => row.id)
}

/** Keeps others from changing the group's rules until the transaction ends; false when it is gone. */
export async function lockGroup(tx: GlobalTx, id: string): Promise<boolean> {
  const rows = await tx`select 1 from security_groups where id = ${id} for no key update`
  return rows.length > 0
}

export async function touchGroup(sql: GlobalSql, id: string): Promise<void> {
  await sql`update security_groups set updated_at = now(), revision = revision + 1 where id = ${id}`
}

export async function updateGroup(
  sql: GlobalSql,
  id: string,
  changes: { name?: string; description?: string },
): Promise<void> {
  await sql`update security_groups set ${sql({ ...changes })} where id = ${id}`
}

export async function deleteGroup(sql: GlobalSql, id: string): Promise<void> {
  await sql`delete from security_groups where id = ${id}`
}

export async function deleteRule(sql: GlobalSql, id: string): Promise<void> {
  await sql`delete from security_group_rules where id = ${id}`
}

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
