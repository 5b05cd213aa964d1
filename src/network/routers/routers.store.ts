import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import { type Columns, type Listing, type Page, page, type Viewer } from '../listing.ts'
import type { SubnetAddress } from '../ports/addresses.store.ts'
import { ROUTER_GATEWAY, ROUTER_INTERFACE } from '../ports/owners.ts'
import type { HostRoute } from '../subnets/subnets.store.ts'

export interface Gateway {
  readonly network_id: string
  readonly port_id: string
  readonly fixed_ips: readonly SubnetAddress[]
}

export interface Router {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly project_id: string
  readonly admin_state_up: boolean
  /** Whether what leaves by the gateway gets its address. */
  readonly enable_snat: boolean
  readonly routes: readonly HostRoute[]
  readonly gateway: Gateway | null
  readonly tags: readonly string[]
  readonly created_at: Date
  readonly updated_at: Date
  readonly revision: number
}

export type RouterFields = Pick<Router, 'name' | 'description' | 'admin_state_up' | 'enable_snat' | 'routes'>
export type NewRouter = RouterFields & Pick<Router, 'id' | 'project_id'>

const COLUMNS: Columns = {
  id: { column: 'id', kind: 'uuid' },
  name: { column: 'name', kind: 'text' },
  description: { column: 'description', kind: 'text' },
  project_id: { column: 'project_id', kind: 'text' },
  tenant_id: { column: 'project_id', kind: 'text' },
  admin_state_up: { column: 'admin_state_up', kind: 'boolean' },
  tags: { column: 'tags', kind: 'tags' },
}

const visible = (sql: GlobalSql, viewer: Viewer) => sql`
  select *, (
    select jsonb_build_object('network_id', network_id, 'port_id', id, 'fixed_ips', (
      select coalesce(jsonb_agg(jsonb_build_object('subnet_id', subnet_id, 'ip_address', host(ip_address))), '[]')
      from ip_allocations where port_id = ports.id
    ))
    from ports where device_id = routers.id::text and device_id <> '' and device_owner = ${ROUTER_GATEWAY}
  ) as gateway
  from routers
  where (${viewer.all} or project_id = ${viewer.project_id})`

export function listRouters(sql: GlobalSql, viewer: Viewer, listing: Listing): Promise<Page<Router>> {
  return page(sql, visible(sql, viewer), COLUMNS, listing)
}

export async function showRouter(sql: GlobalSql, viewer: Viewer, id: string): Promise<Router | undefined> {
  const [router] = await sql<Router[]>`select * from (${visible(sql, viewer)} and id = ${id}) routers`
  return router
}

export async function insertRouter(sql: GlobalSql, router: NewRouter): Promise<void> {
  await sql`insert into routers ${sql({ ...router, routes: routesJson(sql, router.routes) })}`
}

export async function updateRouter(sql: GlobalSql, id: string, changes: Partial<RouterFields>): Promise<void> {
  const { routes, ...rest } = changes
  const columns = { ...rest, ...(routes && { routes: routesJson(sql, routes) }) }
  await sql`update routers set ${sql(columns)} where id = ${id}`
}

const routesJson = (sql: GlobalSql, routes: readonly HostRoute[]) => sql.json(routes.map((route) => ({ ...route })))

/** Keeps others from changing what the router is connected to until the transaction ends; false when it is gone. */
export async function lockRouter(tx: GlobalTx, id: string): Promise<boolean> {
  const rows = await tx`
    update routers set updated_at = now(), revision = revision + 1 where id = ${id} returning id`
  return rows.length > 0
}

export async function deleteRouter(tx: GlobalTx, id: string): Promise<void> {
  await tx`delete from routers where id = ${id}`
}

/** A subnet that a router has an address in. */
export interface RouterLeg {
  readonly port_id: string
  readonly network_id: string
  readonly device_owner: string
  readonly subnet_id: string
  readonly cidr: string
}

export async function legsOf(sql: GlobalSql, id: string): Promise<RouterLeg[]> {
  return sql`
    select ports.id as port_id, ports.network_id, device_owner, subnet_id, cidr::text
    from ports
    join ip_allocations on port_id = ports.id
    join subnets on subnets.id = subnet_id
    where device_id = ${id} and device_id <> '' and device_owner in (${ROUTER_INTERFACE}, ${ROUTER_GATEWAY})`
}

/** Makes an unused port the router's; false when something else has it. */
export async function takePort(tx: GlobalTx, portId: string, routerId: string): Promise<boolean> {
  const rows = await tx`
    update ports set device_id = ${routerId}, device_owner = ${ROUTER_INTERFACE}, request_index = null,
      port_security_enabled = false, allowed_address_pairs = '[]', updated_at = now(), revision = revision + 1
    where id = ${portId} and device_id = ''
    returning id`
  if (rows.length === 0) return false
  await tx`delete from port_security_groups where port_id = ${portId}`
  return true
}

export async function deletePorts(tx: GlobalTx, ids: readonly string[]): Promise<void> {
  await tx`delete from ports where id = any(${ids as string[]}::uuid[])`
}

/** Whether a floating address leads through the router, to one of `subnetIds` where they are given. */
export async function carriesFloatingIps(
  tx: GlobalTx,
  routerId: string,
  subnetIds: readonly string[] | null,
): Promise<boolean> {
  const rows = await tx`
    select from floating_ip_targets
    where router_id = ${routerId} and (${subnetIds === null} or subnet_id = any(${(subnetIds ?? []) as string[]}::uuid[]))
    limit 1`
  return rows.length > 0
}
