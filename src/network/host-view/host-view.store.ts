import type { GlobalTx } from '../../platform/db/index.ts'
import { ROUTER_GATEWAY, ROUTER_INTERFACE } from '../ports/owners.ts'
import type { DhcpOption } from '../ports/ports.store.ts'
import type { HostRoute } from '../subnets/subnets.store.ts'

export interface FloatingAddress {
  readonly floating_ip_address: string
  readonly fixed_ip_address: string
  readonly router_id: string
}

export interface HostPortRow {
  readonly id: string
  readonly network_id: string
  readonly project_id: string
  /** The server's id for a port of a server. */
  readonly device_id: string
  readonly device_owner: string
  readonly mac_address: string
  readonly admin_state_up: boolean
  readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[]
  /** Without it, neither rules nor the check of source addresses apply. */
  readonly port_security_enabled: boolean
  /** What it may send from beside its own addresses; the address may be a network, the MAC is never null here. */
  readonly allowed_address_pairs: readonly { readonly ip_address: string; readonly mac_address: string }[]
  readonly extra_dhcp_opts: readonly DhcpOption[]
  readonly floating_ips: readonly FloatingAddress[]
  readonly security_group_ids: readonly string[]
}

export interface HostSubnet {
  readonly id: string
  readonly cidr: string
  readonly gateway_ip: string | null
  /** A port other than a router's has it: a guest plays the gateway. */
  readonly gateway_in_use: boolean
  readonly enable_dhcp: boolean
  readonly dns_nameservers: readonly string[]
  readonly host_routes: readonly HostRoute[]
}

export interface HostNetwork {
  readonly id: string
  readonly name: string
  readonly project_id: string
  readonly mtu: number
  readonly external: boolean
  readonly admin_state_up: boolean
  readonly subnets: readonly HostSubnet[]
}

interface Leg {
  readonly port_id: string
  readonly network_id: string
  readonly mac_address: string
  readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[]
}

export interface HostRouter {
  readonly id: string
  readonly admin_state_up: boolean
  /** Whether what leaves by the gateway gets the gateway's address. */
  readonly enable_snat: boolean
  readonly routes: readonly HostRoute[]
  readonly interfaces: readonly Leg[]
  readonly gateway: Leg | null
}

export interface HostRuleRow {
  readonly security_group_id: string
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  readonly protocol: string | null
  readonly port_range_min: number | null
  readonly port_range_max: number | null
  readonly remote_ip_prefix: string | null
  readonly remote_group_id: string | null
}

export async function portsOn(tx: GlobalTx, host: string): Promise<HostPortRow[]> {
  return tx`
    select
      id, network_id, project_id, device_id, device_owner, mac_address::text, admin_state_up, port_security_enabled,
      extra_dhcp_opts,
      (
        select coalesce(jsonb_agg(
          jsonb_build_object('subnet_id', subnet_id, 'ip_address', host(ip_address)) order by ip_address
        ), '[]')
        from ip_allocations where port_id = ports.id
      ) as fixed_ips,
      (
        select coalesce(jsonb_agg(jsonb_build_object(
          'ip_address', pair->>'ip_address', 'mac_address', coalesce(pair->>'mac_address', ports.mac_address::text)
        )), '[]')
        from jsonb_array_elements(allowed_address_pairs) as pair
      ) as allowed_address_pairs,
      (
        select coalesce(jsonb_agg(jsonb_build_object(
          'floating_ip_address', host(held.ip_address), 'fixed_ip_address', host(fixed.ip_address),
          'router_id', router_id
        ) order by held.ip_address), '[]')
        from ip_allocations as fixed
        join floating_ip_targets as target
          on target.subnet_id = fixed.subnet_id and target.ip_address = fixed.ip_address
        join floating_ips on floating_ips.id = floating_ip_id
        join ip_allocations as held on held.port_id = holder_port_id
        where fixed.port_id = ports.id
      ) as floating_ips,
      array(
        select security_group_id::text from port_security_groups where port_id = ports.id order by security_group_id
      ) as security_group_ids
    from ports
    where binding_host = ${host} and binding_host <> ''
    order by id`
}

export async function networksFor(tx: GlobalTx, ids: readonly string[]): Promise<HostNetwork[]> {
  return tx`
    select id, name, project_id, mtu, external, admin_state_up, (
      select coalesce(jsonb_agg(
        jsonb_build_object(
          'id', id,
          'cidr', cidr::text,
          'gateway_ip', host(gateway_ip),
          'gateway_in_use', exists (
            select from ip_allocations join ports on ports.id = port_id
            where subnet_id = subnets.id and ip_address = gateway_ip and device_owner <> ${ROUTER_INTERFACE}
          ),
          'enable_dhcp', enable_dhcp,
          'dns_nameservers', dns_nameservers,
          'host_routes', host_routes
        ) order by created_at, id
      ), '[]')
      from subnets where network_id = networks.id
    ) as subnets
    from networks where id = any(${ids as string[]}::uuid[])
    order by id`
}

export async function routersFor(tx: GlobalTx, networkIds: readonly string[]): Promise<HostRouter[]> {
  return tx`
    with legs as (
      select device_id, device_owner, jsonb_build_object(
        'port_id', id, 'network_id', network_id, 'mac_address', mac_address::text, 'fixed_ips', (
          select coalesce(jsonb_agg(
            jsonb_build_object('subnet_id', subnet_id, 'ip_address', host(ip_address)) order by ip_address
          ), '[]')
          from ip_allocations where port_id = ports.id
        )
      ) as leg
      from ports
      where device_id <> '' and device_owner in (${ROUTER_INTERFACE}, ${ROUTER_GATEWAY}) and device_id in (
        select device_id from ports
        where network_id = any(${networkIds as string[]}::uuid[]) and device_owner = ${ROUTER_INTERFACE}
      )
    )
    select
      id, admin_state_up, enable_snat, routes,
      (
        select coalesce(jsonb_agg(leg order by leg->>'port_id'), '[]')
        from legs where device_id = routers.id::text and device_owner = ${ROUTER_INTERFACE}
      ) as interfaces,
      (select leg from legs where device_id = routers.id::text and device_owner = ${ROUTER_GATEWAY}) as gateway
    from routers where id::text in (select device_id from legs)
    order by id`
}

export async function rulesFor(tx: GlobalTx, groupIds: readonly string[]): Promise<HostRuleRow[]> {
  return tx`
    select
      security_group_id, direction, ethertype, protocol, port_range_min, port_range_max,
      remote_ip_prefix::text as remote_ip_prefix, remote_group_id
    from security_group_rules
    where security_group_id = any(${groupIds as string[]}::uuid[])
    order by security_group_id, id`
}

export async function groupAddressesFor(
  tx: GlobalTx,
  ids: readonly string[],
): Promise<{ id: string; addresses: string[] }[]> {
  return tx`
    select id, array(
      select distinct address from (
        select host(ip_address) as address
        from port_security_groups join ip_allocations using (port_id)
        where security_group_id = security_groups.id
        union all
        select pair->>'ip_address'
        from port_security_groups join ports on ports.id = port_id, jsonb_array_elements(allowed_address_pairs) as pair
        where security_group_id = security_groups.id
      ) members order by address
    ) as addresses
    from security_groups
    where id = any(${ids as string[]}::uuid[])
    order by id`
}

/** When the transaction sees the database, microseconds since the epoch by its own clock. */
export async function timeOf(tx: GlobalTx): Promise<number> {
  const [row] = await tx<{ as_of: string }[]>`select (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as as_of`
  return Number(row?.as_of)
}
