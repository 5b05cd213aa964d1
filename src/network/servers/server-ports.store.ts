import type { Vif } from '../../contracts/index.ts'
import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import type { AddressSubnet } from '../ports/wanted-addresses.ts'

/** A network as much of it as a port needs. */
export interface PortNetwork {
  readonly id: string
  readonly project_id: string
  readonly shared: boolean
  readonly external: boolean
  readonly port_security_enabled: boolean
  readonly subnets: readonly AddressSubnet[]
}

export interface GivenPort {
  readonly id: string
  readonly project_id: string
  readonly network_id: string
  readonly device_id: string
  readonly has_address: boolean
}

export interface GroupName {
  readonly id: string
  readonly name: string
}

// `device_id <> ''` stands in each statement for one server, since the index of ports by device is of those only.

/** The server's ports in the order they were asked for, as its guest sees them. */
export async function vifsOf(sql: GlobalSql, serverId: string): Promise<Vif[]> {
  return sql`
    select
      ports.id as port_id, ports.network_id, networks.name as network_label, ports.mac_address::text, networks.mtu,
      (
        select coalesce(jsonb_agg(
          jsonb_build_object(
            'subnet_id', subnets.id,
            'ip_address', host(ip_address),
            'prefix_length', masklen(cidr),
            'gateway_ip', host(gateway_ip)
          ) order by family(ip_address), subnets.created_at, ip_address
        ), '[]')
        from ip_allocations join subnets on subnets.id = subnet_id
        where port_id = ports.id
      ) as fixed_ips
    from ports join networks on networks.id = ports.network_id
    where device_id = ${serverId} and device_id <> '' and request_index is not null
    order by request_index`
}

/** Networks that a server of the project may be put on without naming them: its own and shared ones. */
export async function availableNetworks(sql: GlobalSql, projectId: string): Promise<PortNetwork[]> {
  return sql`${selectNetworks(sql)} where not external and (shared or project_id = ${projectId})`
}

export async function networksById(sql: GlobalSql, ids: readonly string[]): Promise<PortNetwork[]> {
  return sql`${selectNetworks(sql)} where id = any(${ids as string[]}::uuid[])`
}

function selectNetworks(sql: GlobalSql) {
  return sql`
    select id, project_id, shared, external, port_security_enabled, (
      select coalesce(jsonb_agg(
        jsonb_build_object(
          'id', id,
          'cidr', cidr,
          'gateway_ip', host(gateway_ip),
          'allocation_pools', allocation_pools
        ) order by created_at, id
      ), '[]')
      from subnets where network_id = networks.id
    ) as subnets
    from networks`
}

export async function portsById(sql: GlobalSql, ids: readonly string[]): Promise<GivenPort[]> {
  return sql`
    select id, project_id, network_id, device_id, exists (
      select from ip_allocations where port_id = ports.id
    ) as has_address
    from ports where id = any(${ids as string[]}::uuid[])`
}

/** Security groups of the project that have one of `names` as their name or id. */
export async function groupsNamed(sql: GlobalSql, projectId: string, names: readonly string[]): Promise<GroupName[]> {
  return sql`
    select id, name from security_groups
    where project_id = ${projectId} and (name = any(${names as string[]}) or id::text = any(${names as string[]}))
    order by created_at, id`
}

export interface SecurityGroupOfServer {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly project_id: string
  readonly rules: readonly {
    readonly id: string
    readonly direction: 'ingress' | 'egress'
    readonly ethertype: 'IPv4' | 'IPv6'
    readonly protocol: string | null
    readonly port_range_min: number | null
    readonly port_range_max: number | null
    readonly remote_ip_prefix: string | null
    /** The group that traffic may come from. */
    readonly remote_group: { readonly name: string; readonly project_id: string } | null
  }[]
}

export async function groupsOfServer(sql: GlobalSql, serverId: string): Promise<SecurityGroupOfServer[]> {
  return sql`
    select id, name, description, project_id, (
      select coalesce(jsonb_agg(
        jsonb_build_object(
          'id', rules.id,
          'direction', direction,
          'ethertype', ethertype,
          'protocol', protocol,
          'port_range_min', port_range_min,
          'port_range_max', port_range_max,
          'remote_ip_prefix', remote_ip_prefix::text,
          'remote_group', case when remote.id is not null
            then jsonb_build_object('name', remote.name, 'project_id', remote.project_id) end
        ) order by rules.created_at, direction, ethertype, rules.id
      ), '[]')
      from security_group_rules as rules left join security_groups as remote on remote.id = remote_group_id
      where security_group_id = security_groups.id
    ) as rules
    from security_groups
    where id in (
      select security_group_id from port_security_groups join ports on ports.id = port_id
      where device_id = ${serverId} and device_id <> ''
    )
    order by created_at, id`
}

export interface PortBinding {
  readonly port_id: string
  readonly server_id: string
  readonly request_index: number
  readonly device_owner: string
  readonly host: string
  readonly status: 'ACTIVE' | 'DOWN'
}

/** Gives an existing port to a server; false when another has it or it is gone. */
export async function bindPort(tx: GlobalTx, binding: PortBinding): Promise<boolean> {
  const rows = await tx`
    update ports
    set device_id = ${binding.server_id}, device_owner = ${binding.device_owner}, binding_host = ${binding.host},
      request_index = ${binding.request_index}, status = ${binding.status}, updated_at = now(), revision = revision + 1
    where id = ${binding.port_id} and device_id in ('', ${binding.server_id})
    returning id`
  return rows.length > 0
}

/** Deletes the ports that compute made for a server, and takes the server off those that it was given. */
export async function releasePorts(sql: GlobalSql, serverId: string): Promise<void> {
  await sql`
    with deleted as (
      delete from ports where device_id = ${serverId} and device_id <> '' and made_by_compute
    )
    update ports
    set device_id = '', device_owner = '', binding_host = '', request_index = null, status = 'DOWN',
      updated_at = now(), revision = revision + 1
    where device_id = ${serverId} and device_id <> '' and not made_by_compute`
}

export async function moveBinding(sql: GlobalSql, serverId: string, host: string): Promise<void> {
  await sql`
    update ports set binding_host = ${host}, updated_at = now(), revision = revision + 1
    where device_id = ${serverId} and device_id <> '' and binding_host <> ${host}`
}

/** Where another port stands among those of a server. */
export async function nextRequestIndex(sql: GlobalSql, serverId: string): Promise<number> {
  const [row] = await sql<{ next: number }[]>`
    select coalesce(max(request_index) + 1, 0)::integer as next from ports
    where device_id = ${serverId} and device_id <> ''`
  return row?.next ?? 0
}

/** The same as `releasePorts` for one of the server's ports. */
export async function releasePort(sql: GlobalSql, serverId: string, portId: string): Promise<void> {
  await sql`
    with deleted as (
      delete from ports where id = ${portId} and device_id = ${serverId} and device_id <> '' and made_by_compute
    )
    update ports
    set device_id = '', device_owner = '', binding_host = '', request_index = null, status = 'DOWN',
      updated_at = now(), revision = revision + 1
    where id = ${portId} and device_id = ${serverId} and device_id <> '' and not made_by_compute`
}
