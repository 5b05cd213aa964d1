import type { GlobalSql } from '../../platform/db/index.ts'
import { type Columns, type Listing, type Page, page } from '../listing.ts'
import type { Pool } from '../addresses.ts'

export interface SubnetUse {
  readonly subnet_id: string
  readonly subnet_name: string
  readonly cidr: string
  readonly allocation_pools: readonly Pool[]
  readonly used_ips: number
}

/** A network with how many addresses of its subnets are taken. */
export interface NetworkUse {
  readonly id: string
  readonly network_name: string
  readonly project_id: string
  readonly subnets: readonly SubnetUse[]
}

const COLUMNS: Columns = {
  network_id: { column: 'id', kind: 'uuid' },
  network_name: { column: 'network_name', kind: 'text' },
  project_id: { column: 'project_id', kind: 'text' },
  tenant_id: { column: 'project_id', kind: 'text' },
}

const uses = (sql: GlobalSql) => sql`
  select id, name as network_name, project_id, created_at, (
    select coalesce(jsonb_agg(jsonb_build_object(
      'subnet_id', id, 'subnet_name', name, 'cidr', cidr::text, 'allocation_pools', allocation_pools,
      'used_ips', (select count(*)::integer from ip_allocations where subnet_id = subnets.id)
    ) order by created_at, id), '[]')
    from subnets where network_id = networks.id
  ) as subnets
  from networks`

export function listUse(sql: GlobalSql, listing: Listing): Promise<Page<NetworkUse>> {
  return page(sql, uses(sql), COLUMNS, listing)
}

export async function useOf(sql: GlobalSql, networkId: string): Promise<NetworkUse | undefined> {
  const [use] = await sql<NetworkUse[]>`select * from (${uses(sql)}) uses where id = ${networkId}`
  return use
}
