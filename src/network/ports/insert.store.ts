import type { GlobalSql } from '../../platform/db/index.ts'
import type { SubnetAddress } from './addresses.store.ts'
import type { AddressPair, DhcpOption } from './ports.store.ts'
import { type Pool, randomAddress, randomMac } from '../addresses.ts'

/** A port to make, with its addresses and security groups. */
export interface NewPort {
  readonly id: string
  readonly network_id: string
  readonly project_id: string
  readonly name: string
  readonly description: string
  readonly admin_state_up: boolean
  /** Random when null. */
  readonly mac_address: string | null
  readonly status: 'ACTIVE' | 'DOWN'
  readonly device_id: string
  readonly device_owner: string
  readonly binding_host: string
  readonly made_by_compute: boolean
  /** Not null for a port of a server: a device has one port of each index, and making it again makes none. */
  readonly request_index: number | null
  readonly port_security_enabled: boolean
  readonly allowed_address_pairs: readonly AddressPair[]
  readonly extra_dhcp_opts: readonly DhcpOption[]
  readonly security_group_ids: readonly string[]
  readonly addresses: readonly WantedAddress[]
}

/** One address: a certain one, or a free one of the first pool that has any. */
export type WantedAddress =
  | SubnetAddress
  | { readonly anyOf: readonly { readonly subnet_id: string; readonly pool: Pool }[] }

/**
 * Makes ports in a single statement, so either all of it is there or nothing. Free addresses are found by a walk from
 * a random place, without a lock that makes others wait. The driver's errors pass through:
 * - unique violation of `ip_allocations_pkey`: somebody else was faster, or a certain address is taken
 * - unique violation of `ports_network_id_mac_address_key`
 * - not-null violation of `ip_address`: no pool had a free address
 * - foreign key violations: network, subnet or security group were deleted meanwhile
 */
export async function insertPorts(sql: GlobalSql, ports: readonly NewPort[]): Promise<void> {
  const rows = ports.map((port) => ({ ...port, mac_address: port.mac_address ?? randomMac(), addresses: undefined }))
  const groups = ports.flatMap((port) => port.security_group_ids.map((id) => ({ port_id: port.id, id })))
  const choices = ports.flatMap((port) => port.addresses.flatMap((address, slot) => choicesOf(port.id, slot, address)))
  await sql`
    with made as (
      insert into ports (
        id, network_id, project_id, name, description, admin_state_up, mac_address, status,
        device_id, device_owner, binding_host, made_by_compute, request_index, port_security_enabled,
        allowed_address_pairs, extra_dhcp_opts
      )
      select
        id, network_id, project_id, name, description, admin_state_up, mac_address, status,
        device_id, device_owner, binding_host, made_by_compute, request_index, port_security_enabled,
        allowed_address_pairs, extra_dhcp_opts
      from jsonb_to_recordset(${sql.json(rows)}) as wanted (
        id uuid, network_id uuid, project_id text, name text, description text, admin_state_up boolean,
        mac_address macaddr, status text, device_id text, device_owner text, binding_host text,
        made_by_compute boolean, request_index integer, port_security_enabled boolean,
        allowed_address_pairs jsonb, extra_dhcp_opts jsonb
      )
      on conflict (device_id, request_index) where device_id <> '' do nothing
      returning id
    ), secured as (
      insert into port_security_groups (port_id, security_group_id)
      select wanted.port_id, wanted.id
      from jsonb_to_recordset(${sql.json(groups)}) as wanted (port_id uuid, id uuid)
      join made on made.id = wanted.port_id
    )
    insert into ip_allocations (subnet_id, ip_address, port_id)
    select distinct on (port_id, slot) subnet_id, address, port_id
    from (
      select
        port_id, slot, rank, subnet_id,
        coalesce(
          certain,
          lowest_free_address(subnet_id, begin_at, high),
          lowest_free_address(subnet_id, low, begin_at - 1)
        ) as address
      from jsonb_to_recordset(${sql.json(choices)}) as choice (
        port_id uuid, slot integer, rank integer, subnet_id uuid, certain inet, low inet, high inet, begin_at inet
      )
      join made on made.id = choice.port_id
    ) choice
    order by port_id, slot, address is null, rank`
}

type Choice = {
  readonly port_id: string
  readonly slot: number
  readonly rank: number
  readonly subnet_id: string
  readonly certain: string | null
  readonly low: string | null
  readonly high: string | null
  readonly begin_at: string | null
}

function choicesOf(port_id: string, slot: number, address: WantedAddress): Choice[] {
  if ('ip_address' in address) {
    const { subnet_id, ip_address: certain } = address
    return [{ port_id, slot, rank: 0, subnet_id, certain, low: null, high: null, begin_at: null }]
  }
  return address.anyOf.map(({ subnet_id, pool }, rank) => ({
    port_id,
    slot,
    rank,
    subnet_id,
    certain: null,
    low: pool.start,
    high: pool.end,
    begin_at: randomAddress(pool),
  }))
}

/** What a port has that nobody asked anything special of. */
export const PLAIN_PORT = {
  name: '',
  description: '',
  admin_state_up: true,
  mac_address: null,
  status: 'DOWN',
  device_id: '',
  device_owner: '',
  binding_host: '',
  made_by_compute: false,
  request_index: null,
  port_security_enabled: true,
  allowed_address_pairs: [],
  extra_dhcp_opts: [],
  security_group_ids: [],
} as const satisfies Omit<NewPort, 'id' | 'network_id' | 'project_id' | 'addresses'>
