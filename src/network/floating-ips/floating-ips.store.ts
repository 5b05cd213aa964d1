import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import { type Columns, type Listing, type Page, page, type Viewer } from '../listing.ts'
import { ROUTER_GATEWAY, ROUTER_INTERFACE } from '../ports/owners.ts'

/** The port that a floating address leads to, as its owner sees it at the address. */
export interface TargetPort {
  readonly id: string
  readonly name: string
  readonly network_id: string
  readonly mac_address: string
  readonly admin_state_up: boolean
  readonly status: string
  readonly device_id: string
  readonly device_owner: string
}

export interface FloatingIp {
  readonly id: string
  readonly description: string
  readonly project_id: string
  readonly floating_network_id: string
  readonly floating_ip_address: string
  readonly holder_port_id: string
  /** Null, as the next two, while the address leads nowhere. */
  readonly fixed_ip_address: string | null
  readonly router_id: string | null
  readonly port: TargetPort | null
  readonly tags: readonly string[]
  readonly created_at: Date
  readonly updated_at: Date
  readonly revision: number
}

export type NewFloatingIp = Pick<
  FloatingIp,
  'id' | 'description' | 'project_id' | 'floating_network_id' | 'holder_port_id'
>

const COLUMNS: Columns = {
  id: { column: 'id', kind: 'uuid' },
  description: { column: 'description', kind: 'text' },
  project_id: { column: 'project_id', kind: 'text' },
  tenant_id: { column: 'project_id', kind: 'text' },
  floating_network_id: { column: 'floating_network_id', kind: 'uuid' },
  floating_ip_address: { column: 'floating_ip_address', kind: 'text' },
  fixed_ip_address: { column: 'fixed_ip_address', kind: 'text' },
  port_id: { column: 'port_id', kind: 'uuid' },
  router_id: { column: 'router_id', kind: 'uuid' },
  status: { column: 'status', kind: 'text' },
  tags: { column: 'tags', kind: 'tags' },
}

const visible = (sql: GlobalSql, viewer: Viewer) => sql`
  select
    floating_ips.id, floating_ips.description, floating_ips.project_id, floating_network_id, holder_port_id,
    host(held.ip_address) as floating_ip_address, host(target.ip_address) as fixed_ip_address, router_id,
    target_port.id as port_id, case when target_port.id is null then 'DOWN' else 'ACTIVE' end as status,
    case when target_port.id is not null then jsonb_build_object(
      'id', target_port.id, 'name', target_port.name, 'network_id', target_port.network_id,
      'mac_address', target_port.mac_address, 'admin_state_up', target_port.admin_state_up,
      'status', target_port.status, 'device_id', target_port.device_id, 'device_owner', target_port.device_owner
    ) end as port,
    floating_ips.tags, floating_ips.created_at, floating_ips.updated_at, floating_ips.revision
  from floating_ips
  join ip_allocations as held on held.port_id = holder_port_id
  left join floating_ip_targets as target on target.floating_ip_id = floating_ips.id
  left join ip_allocations as fixed on fixed.subnet_id = target.subnet_id and fixed.ip_address = target.ip_address
  left join ports as target_port on target_port.id = fixed.port_id
  where (${viewer.all} or floating_ips.project_id = ${viewer.project_id})`

export function listFloatingIps(sql: GlobalSql, viewer: Viewer, listing: Listing): Promise<Page<FloatingIp>> {
  return page(sql, visible(sql, viewer), COLUMNS, listing)
}

export async function showFloatingIp(sql: GlobalSql, viewer: Viewer, id: string): Promise<FloatingIp | undefined> {
  const [found] = await sql<FloatingIp[]>`
    select * from (${visible(sql, viewer)} and floating_ips.id = ${id}) floating_ips`
  return found
}

export async function insertFloatingIp(tx: GlobalTx, floatingIp: NewFloatingIp): Promise<void> {
  await tx`insert into floating_ips ${tx({ ...floatingIp })}`
}

/** With the port that holds the address. */
export async function deleteFloatingIp(tx: GlobalTx, { id, holder_port_id }: FloatingIp): Promise<void> {
  await tx`delete from floating_ips where id = ${id}`
  await tx`delete from ports where id = ${holder_port_id}`
}

export async function describeFloatingIp(tx: GlobalTx, id: string, description: string): Promise<void> {
  await tx`update floating_ips set description = ${description} where id = ${id}`
}

/** Keeps others from changing where it leads until the transaction ends; false when it is gone. */
export async function touchFloatingIp(tx: GlobalTx, id: string): Promise<boolean> {
  const rows = await tx`
    update floating_ips set updated_at = now(), revision = revision + 1 where id = ${id} returning id`
  return rows.length > 0
}

export interface Target {
  readonly subnet_id: string
  readonly ip_address: string
  readonly router_id: string
}

export async function replaceTarget(tx: GlobalTx, id: string, target: Target | null): Promise<void> {
  await tx`delete from floating_ip_targets where floating_ip_id = ${id}`
  if (!target) return
  await tx`
    insert into floating_ip_targets (floating_ip_id, subnet_id, ip_address, router_id)
    values (${id}, ${target.subnet_id}, ${target.ip_address}::inet, ${target.router_id})`
}

/** A router with an interface on the subnet and its gateway on the external network; kept as it is until `tx` ends. */
export async function routerBetween(
  tx: GlobalTx,
  subnetId: string,
  externalNetworkId: string,
): Promise<string | undefined> {
  // The first look may have waited for somebody who took the router's interface away; the second sees what he did.
  const locked = await lockRouterBetween(tx, subnetId, externalNetworkId)
  return locked && lockRouterBetween(tx, subnetId, externalNetworkId)
}

async function lockRouterBetween(
  tx: GlobalTx,
  subnetId: string,
  externalNetworkId: string,
): Promise<string | undefined> {
  const [row] = await tx<{ id: string }[]>`
    select routers.id from routers
    where exists (
      select from ports join ip_allocations on port_id = ports.id
      where device_id = routers.id::text and device_id <> '' and device_owner = ${ROUTER_INTERFACE}
        and subnet_id = ${subnetId}
    ) and exists (
      select from ports
      where device_id = routers.id::text and device_id <> '' and device_owner = ${ROUTER_GATEWAY}
        and network_id = ${externalNetworkId}
    )
    order by created_at, id limit 1
    for no key update`
  return row?.id
}
