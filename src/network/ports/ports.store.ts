import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import { type Columns, type Listing, type Page, page, type Viewer } from '../listing.ts'
import type { SubnetAddress } from './addresses.store.ts'

/** What a port may send from beside its own addresses: an address or a network, by its own MAC when null. */
export type AddressPair = { readonly ip_address: string; readonly mac_address: string | null }
export type DhcpOption = { readonly opt_name: string; readonly opt_value: string; readonly ip_version: 4 | 6 }

export interface Port {
  readonly id: string
  readonly network_id: string
  readonly name: string
  readonly description: string
  readonly project_id: string
  readonly mac_address: string
  readonly admin_state_up: boolean
  readonly status: string
  readonly device_id: string
  readonly device_owner: string
  readonly binding_host: string
  readonly fixed_ips: readonly SubnetAddress[]
  readonly security_groups: readonly string[]
  readonly port_security_enabled: boolean
  readonly allowed_address_pairs: readonly AddressPair[]
  readonly extra_dhcp_opts: readonly DhcpOption[]
  readonly tags: readonly string[]
  readonly created_at: Date
  readonly updated_at: Date
  readonly revision: number
}

export type PortFields = Pick<
  Port,
  | 'name'
  | 'description'
  | 'admin_state_up'
  | 'device_id'
  | 'device_owner'
  | 'binding_host'
  | 'port_security_enabled'
  | 'allowed_address_pairs'
  | 'extra_dhcp_opts'
>

const COLUMNS: Columns = {
  id: { column: 'id', kind: 'uuid' },
  network_id: { column: 'network_id', kind: 'uuid' },
  name: { column: 'name', kind: 'text' },
  description: { column: 'description', kind: 'text' },
  project_id: { column: 'project_id', kind: 'text' },
  tenant_id: { column: 'project_id', kind: 'text' },
  mac_address: { column: 'mac_address', kind: 'text' },
  admin_state_up: { column: 'admin_state_up', kind: 'boolean' },
  status: { column: 'status', kind: 'text' },
  device_id: { column: 'device_id', kind: 'text' },
  device_owner: { column: 'device_owner', kind: 'text' },
  'binding:host_id': { column: 'binding_host', kind: 'text' },
  tags: { column: 'tags', kind: 'tags' },
}

/** Addresses to look for, by `fixed_ips=ip_address=…` and `fixed_ips=subnet_id=…`; null is any. */
export interface AddressFilter {
  readonly ip_addresses: readonly string[] | null
  readonly subnet_ids: readonly string[] | null
}

const visible = (sql: GlobalSql, viewer: Viewer) => sql`
  select
    id, network_id, name, description, project_id, mac_address::text as mac_address, admin_state_up, status, device_id,
    device_owner, binding_host, port_security_enabled, allowed_address_pairs, extra_dhcp_opts, tags, created_at,
    updated_at, revision,
    (
      select coalesce(
        jsonb_agg(jsonb_build_object('subnet_id', subnet_id, 'ip_address', host(ip_address)) order by ip_address), '[]'
      )
      from ip_allocations where port_id = ports.id
    ) as fixed_ips,
    array(
      select security_group_id::text from port_security_groups where port_id = ports.id order by security_group_id
    ) as security_groups
  from ports
  where (
    ${viewer.all} or project_id = ${viewer.project_id}
    or exists (select from networks where networks.id = network_id and networks.project_id = ${viewer.project_id})
  )`

export function listPorts(
  sql: GlobalSql,
  viewer: Viewer,
  listing: Listing,
  { ip_addresses, subnet_ids }: AddressFilter,
): Promise<Page<Port>> {
  const having =
    ip_addresses === null && subnet_ids === null
      ? sql``
      : sql`and exists (
          select from ip_allocations
          where port_id = ports.id
            and (${ip_addresses === null} or host(ip_address) = any(${(ip_addresses ?? []) as string[]}))
            and (${subnet_ids === null} or subnet_id::text = any(${(subnet_ids ?? []) as string[]}))
        )`
  return page(sql, sql`${visible(sql, viewer)} ${having}`, COLUMNS, listing)
}

export async function showPort(sql: GlobalSql, viewer: Viewer, id: string): Promise<Port | undefined> {
  const [port] = await sql<Port[]>`select * from (${visible(sql, viewer)} and id = ${id}) ports`
  return port
}

export async function updatePort(sql: GlobalSql, id: string, changes: Partial<PortFields>): Promise<void> {
  // Given to another device, it has no place among those that compute was asked for.
  const place = changes.device_id === undefined ? {} : { request_index: null }
  const { allowed_address_pairs: pairs, extra_dhcp_opts: options, ...rest } = changes
  const lists = {
    ...(pairs && { allowed_address_pairs: sql.json([...pairs]) }),
    ...(options && { extra_dhcp_opts: sql.json([...options]) }),
  }
  await sql`update ports set ${sql({ ...rest, ...lists, ...place })} where id = ${id}`
}

export async function touchPort(sql: GlobalSql, id: string): Promise<void> {
  await sql`update ports set updated_at = now(), revision = revision + 1 where id = ${id}`
}

export async function replacePortGroups(tx: GlobalTx, id: string, groupIds: readonly string[]): Promise<void> {
  await tx`delete from port_security_groups where port_id = ${id}`
  await tx`
    insert into port_security_groups (port_id, security_group_id)
    select ${id}, unnest(${groupIds as string[]}::uuid[])`
}

export async function dropAddresses(tx: GlobalTx, id: string, addresses: readonly SubnetAddress[]): Promise<void> {
  for (const { subnet_id, ip_address } of addresses) {
    await tx`
      delete from ip_allocations
      where port_id = ${id} and subnet_id = ${subnet_id} and ip_address = ${ip_address}::inet`
  }
}

export async function addAddress(tx: GlobalTx, id: string, { subnet_id, ip_address }: SubnetAddress): Promise<void> {
  await tx`
    insert into ip_allocations (subnet_id, ip_address, port_id)
    values (${subnet_id}, ${ip_address}::inet, ${id})`
}

export async function freeAddress(
  tx: GlobalTx,
  subnetId: string,
  range: { low: string; high: string },
): Promise<string | undefined> {
  const [row] = await tx<{ address: string | null }[]>`
    select host(lowest_free_address(${subnetId}, ${range.low}, ${range.high})) as address`
  return row?.address ?? undefined
}

export async function deletePort(sql: GlobalSql, id: string): Promise<void> {
  await sql`delete from ports where id = ${id}`
}
