import type { PlanGroup } from '../contracts/index.ts'
import type { CellDb, CellTx, GlobalDb } from '../platform/db/index.ts'

/** What a group asks of the hosts of its members. */
export interface GroupRule {
  readonly id: string
  readonly policy: PlanGroup['policy']
  /** 1 where the group has no rule of its own. */
  readonly max_server_per_host: number
}

/** @returns null for a group that is gone by now: it binds nobody any more. */
export async function findGroupRule(global: GlobalDb, id: string): Promise<GroupRule | null> {
  const [row] = await global.sql<GroupRule[]>`
    select id, policy, coalesce(max_server_per_host, 1) as max_server_per_host from server_groups where id = ${id}`
  return row ?? null
}

/** The hosts on which members of a group have claims; a server that moves has two. */
export async function membersOnHosts(
  { sql }: Pick<CellDb, 'sql'>,
  groupId: string,
  exceptServer: string,
): Promise<{ host_id: number; host: string; servers: number }[]> {
  return sql`
    select hosts.id as host_id, hosts.host, count(distinct servers.id)::integer as servers
    from servers join claims on claims.server_id = servers.id join hosts on hosts.id = claims.host_id
    where servers.group_id = ${groupId} and servers.deleted_at is null and servers.id <> ${exceptServer}
    group by hosts.id, hosts.host`
}

/** One member of a group at a time gets a host in this cell: taken before any lock of a host, kept to the commit. */
export async function lockGroup(tx: CellTx, { id }: GroupRule): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended(${`server group ${id}`}, 0))`
}

/**
 * Whether the policy still lets the server onto the host, now that others of its group may have been placed since it was
 * planned. Soft policies are wishes and never refuse.
 * @param tx that holds the group's lock
 */
export async function mayJoin(tx: CellTx, rule: GroupRule, serverId: string, hostId: number): Promise<boolean> {
  const { id, policy, max_server_per_host } = rule
  if (policy !== 'affinity' && policy !== 'anti-affinity') return true
  const members = await membersOnHosts({ sql: tx }, id, serverId)
  const here = members.find(({ host_id }) => host_id === hostId)?.servers ?? 0
  return policy === 'affinity' ? members.length === 0 || here > 0 : here < max_server_per_host
}

/** Takes the group off the servers of this cell. */
export async function leaveGroup({ sql }: CellDb, groupId: string): Promise<void> {
  await sql`update servers set group_id = null where group_id = ${groupId} and deleted_at is null`
}
