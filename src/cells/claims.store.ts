import { demand, type Flavor } from '../contracts/index.ts'
import type { CellDb, CellSql, CellTx, Fragment } from '../platform/db/index.ts'
import type { InstanceActionEvent, NewAction } from './actions.store.ts'
import { POWER, type Server } from './server.ts'
import { lockedFirst } from './servers.store.ts'

/**
 * The statement that takes a server's share of a host and returns the host. The guard and the write are one statement on
 * one row, so two claims can never both take the last place; it returns no row when there is none left.
 */
function takeShare(sql: CellSql, hostId: number, flavor: Flavor): Fragment {
  const { vcpus, memory_mb, disk_gb } = demand(flavor)
  return sql`
    update hosts set
      vcpus_used = vcpus_used + ${vcpus},
      memory_mb_used = memory_mb_used + ${memory_mb},
      disk_gb_used = disk_gb_used + ${disk_gb},
      running_vms = running_vms + 1,
      updated_at = now(),
      changed_in = pg_current_xact_id()
    where id = ${hostId}
      and vcpus_used + ${vcpus} <= vcpus_capacity
      and memory_mb_used + ${memory_mb} <= memory_mb_capacity
      and disk_gb_used + ${disk_gb} <= disk_gb_capacity
    returning id, host, node`
}

/**
 * Claims a host for a server that is in the cell, in the caller's transaction.
 * @returns the host's name and node, or null when the host has no room left or is gone.
 */
export async function claim(
  tx: CellTx,
  hostId: number,
  flavor: Flavor,
): Promise<{ host: string; node: string } | null> {
  const [taken] = (await takeShare(tx, hostId, flavor)) as unknown as { host: string; node: string }[]
  return taken ? { host: taken.host, node: taken.node } : null
}

/**
 * Puts a new server on a host, in one transaction: its row, the claim, the first entry of its log, and `tasks`, a
 * statement that adds the task which builds it.
 * @returns false, with nothing written, when the host has no room left or is gone.
 * @throws a unique violation when the server is in the cell already.
 */
export async function place(
  { sql }: Pick<CellDb, 'sql'>,
  server: Server,
  hostId: number,
  action: NewAction,
  tasks: Fragment,
): Promise<boolean> {
  const { vcpus, memory_mb, disk_gb } = demand(server.flavor)
  const written = await sql`
    with taken as (
      ${takeShare(sql, hostId, server.flavor)}
    ), placed as (
      insert into servers overriding user value
      select server.*
      from taken, jsonb_populate_record(
        null::servers,
        ${sql.json(server as never)} || jsonb_build_object('host', taken.host, 'node', taken.node)
      ) as server
    ), claimed as (
      insert into claims (server_id, host_id, vcpus, memory_mb, disk_gb)
      select ${server.id}::uuid, id, ${vcpus}::integer, ${memory_mb}::integer, ${disk_gb}::integer from taken
    ), logged as (
      insert into instance_actions (server_id, action, request_id, user_id, project_id, start_time)
      select action.server_id, action.action, action.request_id, action.user_id, action.project_id, action.start_time
      from taken, jsonb_populate_record(null::instance_actions, ${sql.json(action as never)}) as action
    )
    ${tasks} where exists (select from taken)`
  return written.count > 0
}

/**
 * Locks the hosts that a server is on and may move to, in the order of their ids: two servers that change places would
 * else wait for each other.
 */
export async function lockHosts(tx: CellTx, serverId: string, others: readonly number[]): Promise<void> {
  await tx`
    select from hosts
    where id = any(${others as number[]}) or id in (select host_id from claims where server_id = ${serverId})
    order by id for no key update`
}

/**
 * What a share of a host is for: the server itself, or its move. While it moves, a server has both: where it is, and
 * where it goes to; from the moment that it has moved until that is confirmed, where it is, and where it came from.
 */
export type HeldFor = 'server' | 'migration'

/** Writes down what `claim` took. */
export async function recordClaim(
  tx: CellTx,
  serverId: string,
  hostId: number,
  flavor: Flavor,
  held_for: HeldFor = 'server',
): Promise<void> {
  await tx`insert into claims ${tx({ server_id: serverId, host_id: hostId, held_for, ...demand(flavor) })}`
}

/** The server has moved, or has moved back: what was for the move is for the server now, and the other way round. */
export async function swapClaims(tx: CellTx, serverId: string): Promise<void> {
  await tx`
    update claims set held_for = case held_for when 'server' then 'migration' else 'server' end
    where server_id = ${serverId}`
}

/** The hosts on which a server has a share, by name. */
export async function claimedHosts(db: CellDb, serverId: string): Promise<string[]> {
  const rows = await db.sql<{ host: string }[]>`
    select distinct host from claims join hosts on hosts.id = host_id where server_id = ${serverId}`
  return rows.map(({ host }) => host)
}

/**
 * Gives back what a server holds; returns the hosts that have changed. The second call finds nothing to give.
 * @param failedBuild whether the host is to be remembered as one that failed to build it
 * @param only absent: all of it
 */
export async function releaseClaims(
  tx: CellTx,
  serverId: string,
  { failedBuild = false, only = null }: { readonly failedBuild?: boolean; readonly only?: HeldFor | null } = {},
): Promise<number[]> {
  const hosts = await tx<{ id: number }[]>`
    with dropped as (
      delete from claims where server_id = ${serverId} and (${only}::text is null or held_for = ${only})
      returning host_id, vcpus, memory_mb, disk_gb
    ), gone as (
      select host_id, sum(vcpus)::integer as vcpus, sum(memory_mb)::integer as memory_mb,
        sum(disk_gb)::integer as disk_gb, count(*)::integer as guests
      from dropped group by host_id
    )
    update hosts set
      vcpus_used = vcpus_used - gone.vcpus,
      memory_mb_used = memory_mb_used - gone.memory_mb,
      disk_gb_used = disk_gb_used - gone.disk_gb,
      running_vms = running_vms - gone.guests,
      failed_builds = failed_builds + ${failedBuild ? 1 : 0},
      updated_at = now(),
      changed_in = pg_current_xact_id()
    from gone where hosts.id = gone.host_id
    returning hosts.id`
  return hosts.map((host) => host.id)
}

/**
 * The guest of a new server runs, in one statement: the server is active, its action is closed, failed builds of its host
 * are forgotten, and its task is removed by `save` (see `saving` of the conductor). A delete that waits for its turn
 * stays announced.
 */
export async function recordBuilt(
  { sql }: CellDb,
  id: string,
  { request_id, event, host, start_time }: Pick<NewAction, 'request_id' | 'start_time'> & Pick<InstanceActionEvent, 'event' | 'host'>,
  save: Fragment,
): Promise<{ cancelled: boolean; host_ids: number[] }[]> {
  return sql`
    with server as (
      ${lockedFirst(sql, id)}
    ), saved as (
      ${save} and (select count(*) from server) >= 0 returning cancelled
    ), active as (
      update servers set
        vm_state = 'active',
        task_state = case task_state when 'deleting' then task_state end,
        power_state = ${POWER.running},
        progress = 0,
        root_device_name = coalesce(root_device_name, '/dev/vda'),
        launched_at = now(),
        updated_at = now()
      from saved where id = ${id} and num_nulls(deleted_at) = 1
    ), closed as (
      update instance_actions set updated_at = now()
      from saved where server_id = ${id} and request_id = ${request_id}
      returning id
    ), logged as (
      insert into instance_action_events (action_id, event, host, start_time, finish_time, result)
      select id, ${event}, ${host}, ${start_time}::timestamptz, now(), 'Success' from closed
    ), built as (
      select host_id from claims where server_id = ${id}
    ), forgiven as (
      update hosts set failed_builds = 0, changed_in = pg_current_xact_id()
      from saved where failed_builds > 0 and id in (select host_id from built)
    )
    select cancelled, array(select host_id from built) as host_ids from saved`
}
