import type { GlobalSql } from '../../platform/db/index.ts'
import { type Columns, type Listing, type Page, page, type Viewer } from '../listing.ts'

export interface Network {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly project_id: string
  readonly admin_state_up: boolean
  readonly shared: boolean
  readonly external: boolean
  readonly mtu: number
  readonly port_security_enabled: boolean
  readonly subnets: readonly string[]
  readonly tags: readonly string[]
  readonly created_at: Date
  readonly updated_at: Date
  readonly revision: number
}

export type NetworkFields = Pick<
  Network,
  'name' | 'description' | 'admin_state_up' | 'shared' | 'external' | 'mtu' | 'port_security_enabled'
>
export type NewNetwork = NetworkFields & Pick<Network, 'id' | 'project_id'>

const COLUMNS: Columns = {
  id: { column: 'id', kind: 'uuid' },
  name: { column: 'name', kind: 'text' },
  description: { column: 'description', kind: 'text' },
  project_id: { column: 'project_id', kind: 'text' },
  tenant_id: { column: 'project_id', kind: 'text' },
  admin_state_up: { column: 'admin_state_up', kind: 'boolean' },
  shared: { column: 'shared', kind: 'boolean' },
  'router:external': { column: 'external', kind: 'boolean' },
  tags: { column: 'tags', kind: 'tags' },
}

const visible = (sql: GlobalSql, viewer: Viewer) => sql`
  select *, array(select id::text from subnets where network_id = networks.id order by created_at, id) as subnets
  from networks
  where ${viewer.all} or shared or external or project_id = ${viewer.project_id}`

export function listNetworks(sql: GlobalSql, viewer: Viewer, listing: Listing): Promise<Page<Network>> {
  return page(sql, visible(sql, viewer), COLUMNS, listing)
}

export async function showNetwork(sql: GlobalSql, viewer: Viewer, id: string): Promise<Network | undefined> {
  const [network] = await sql<Network[]>`select * from (${visible(sql, viewer)}) networks where id = ${id}`
  return network
}

export async function insertNetworks(sql: GlobalSql, networks: readonly NewNetwork[]): Promise<void> {
  await sql`insert into networks ${sql(networks.map((network) => ({ ...network })))}`
}

export async function updateNetwork(sql: GlobalSql, id: string, changes: Partial<NetworkFields>): Promise<void> {
  await sql`update networks set ${sql({ ...changes })}, updated_at = now(), revision = revision + 1 where id = ${id}`
}

export async function deleteNetwork(sql: GlobalSql, id: string): Promise<void> {
  await sql`delete from networks where id = ${id}`
}
