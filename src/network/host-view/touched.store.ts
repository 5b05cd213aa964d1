import type { GlobalSql } from '../../platform/db/index.ts'

/**
 * The hosts whose network looks different when any of these changes: ids of ports, servers, networks, subnets, routers,
 * security groups, rules or floating addresses. Of them, those that have asked for their network.
 */
export async function hostsTouched(sql: GlobalSql, ids: readonly string[]): Promise<string[]> {
  const rows = await sql<{ binding_host: string }[]>`
    with
      given as (select unnest(${ids as string[]}::uuid[]) as id),
      -- themselves, of a server or router, and those that a floating address leads to
      named as (
        select id, network_id from ports where id in (select id from given)
        union
        select id, network_id from ports where device_id <> '' and device_id in (select id::text from given)
        union
        select ports.id, ports.network_id from floating_ip_targets as target
        join ip_allocations using (subnet_id, ip_address) join ports on ports.id = port_id
        where floating_ip_id in (select id from given)
      ),
      touched_networks as (
        select id from given
        union
        select network_id from subnets where id in (select id from given)
        -- what joins networks is part of each of them
        union
        select leg.network_id from ports as leg where leg.device_id in (select id::text from given)
        union
        select other.network_id from ports as leg join ports as other on other.device_id = leg.device_id
        where leg.device_owner = 'network:router_interface' and other.device_owner = leg.device_owner
          and (leg.network_id in (select id from given) or leg.id in (select id from given))
      ),
      touched_groups as (
        select id from given
        union
        select security_group_id from security_group_rules where id in (select id from given)
      ),
      -- their members' addresses are part of whoever lets them in
      changed_members as (
        select id from touched_groups
        union
        select security_group_id from port_security_groups where port_id in (select id from named)
      ),
      touched_ports as (
        select id from named
        union
        select id from ports where network_id in (select id from touched_networks)
        union
        select port_id from port_security_groups where security_group_id in (
          select id from touched_groups
          union
          select security_group_id from security_group_rules where remote_group_id in (select id from changed_members)
        )
      )
    select distinct binding_host from ports join network_hosts on host = binding_host
    where id in (select id from touched_ports) and binding_host <> ''`
  return rows.map((row) => row.binding_host)
}

export async function anyNetworkHost(sql: GlobalSql): Promise<boolean> {
  const [row] = await sql`select from network_hosts limit 1`
  return row !== undefined
}

/** Notes that the host makes its network itself. */
export async function noteNetworkHost(sql: GlobalSql, host: string): Promise<void> {
  await sql`
    insert into network_hosts (host) values (${host})
    on conflict (host) do update set asked_at = now() where network_hosts.asked_at < now() - interval '1 hour'`
}
