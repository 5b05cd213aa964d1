import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import type { Pool } from '../addresses.ts'
import { type Columns, type Listing, type Page, page, type Viewer } from '../listing.ts'

export interface HostRoute {
  readonly destination: string
  readonly nexthop: string
}

export interface Subnet {
  readonly id: string
  readonly network_id: string
  readonly name: string
  readonly description: string
  readonly project_id: string
  readonly cidr: string
  readonly gateway_ip: string | null
  readonly enable_dhcp: boolean
  readonly dns_nameservers: readonly string[]
  readonly host_routes: readonly HostRoute[]
  readonly allocation_pools: readonly Pool[]
  readonly tags: readonly string[]
  readonly created_at: Date
  readonly updated_at: Date
  readonly revision: number
}

export type SubnetFields = Pick<
  Subnet,
  'name' | 'description' | 'gateway_ip' | 'enable_dhcp' | 'dns_nameservers' | 'host_routes' | 'allocation_pools'
>
export type NewSubnet = SubnetFields & Pick<Subnet, 'id' | 'network_id' | 'project_id' | 'cidr'>

const COLUMNS: Columns = {
  id: { column: 'id', kind: 'uuid' },
  network_id: { column: 'network_id', kind: 'uuid' },
  name: { column: 'name', kind: 'text' },
  description: { column: 'description', kind: 'text' },
  project_id: { column: 'project_id', kind: 'text' },
  tenant_id: { column: 'project_id', kind: 'text' },
  cidr: { column: 'cidr', kind: 'text' },
  gateway_ip: { column: 'gateway_ip', kind: 'text' },
  enable_dhcp: { column: 'enable_dhcp', kind: 'boolean' },
  tags: { column: 'tags', kind: 'tags' },
}

const visible = (sql: GlobalSql, viewer: Viewer) => sql`
  select
    id, network_id, name, description, project_id, cidr::text as cidr, host(gateway_ip) as gateway_ip, enable_dhcp,
    dns_nameservers, host_routes, allocation_pools, tags, created_at, updated_at, revision
  from subnets
  where ${viewer.all} or project_id = ${viewer.project_id}
    or exists (select from networks where networks.id = network_id and (shared or project_id = ${viewer.project_id}))`

export function listSubnets(sql: GlobalSql, viewer: Viewer, listing: Listing): Promise<Page<Subnet>> {
  return page(sql, visible(sql, viewer), COLUMNS, listing)
}

export async function showSubnet(sql: GlobalSql, viewer: Viewer, id: string): Promise<Subnet | undefined> {
  const [subnet] = await sql<Subnet[]>`select * from (${visible(sql, viewer)}) subnets where id = ${id}`
  return subnet
}

/** The networks of all subnets of a network; keeps others from adding one until the transaction ends. */
export async function lockedCidrs(tx: GlobalTx, networkId: string): Promise<string[]> {
  await tx`select from networks where id = ${networkId} for no key update`
  const rows = await tx<{ cidr: string }[]>`select cidr::text from subnets where network_id = ${networkId}`
  return rows.map((row) => row.cidr)
}

export async function insertSubnet(tx: GlobalTx, subnet: NewSubnet): Promise<void> {
  await tx`insert into subnets ${tx(columnsOf(tx, subnet))}`
}

export async function updateSubnet(sql: GlobalSql, id: string, changes: Partial<SubnetFields>): Promise<void> {
  await sql`
    update subnets set ${sql(columnsOf(sql, changes))}, updated_at = now(), revision = revision + 1 where id = ${id}`
}

export async function deleteSubnet(sql: GlobalSql, id: string): Promise<void> {
  await sql`delete from subnets where id = ${id}`
}

/** Lists as PostgreSQL has them: addresses as an array, the rest as JSON. */
function columnsOf(sql: GlobalSql, { host_routes, allocation_pools, dns_nameservers, ...rest }: Partial<NewSubnet>) {
  return {
    ...rest,
    ...(dns_nameservers && { dns_nameservers: [...dns_nameservers] }),
    ...(host_routes && { host_routes: sql.json(host_routes.map((route) => ({ ...route }))) }),
    ...(allocation_pools && { allocation_pools: sql.json(allocation_pools.map((pool) => ({ ...pool }))) }),
  }
}
