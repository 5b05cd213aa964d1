import { isUuid, newId } from '../../kernel/index.ts'
import { type GlobalDb, isForeignKeyViolation } from '../../platform/db/index.ts'
import { parseAddress, parseCidr } from '../addresses.ts'
import { invalidInput } from '../failures.ts'
import type { Listing, Page, Viewer } from '../listing.ts'
import { ROUTER_INTERFACE } from '../ports/owners.ts'
import { checkQuota } from '../quotas/quotas.ts'
import type { PortVerbs } from '../ports/port-verbs.ts'
import type { SubnetVerbs } from '../subnets/subnet-verbs.ts'
import { clearGateway, setGateway, type WantedGateway } from './gateway.ts'
import { addPortInterface, addSubnetInterface, removeInterface, type RouterInterface } from './interfaces.ts'
import { badRouter, routerInUse, routerNotFound } from './router-failures.ts'
import {
  deletePorts,
  deleteRouter,
  insertRouter,
  legsOf,
  listRouters,
  lockRouter,
  type Router,
  type RouterFields,
  showRouter,
  updateRouter,
} from './routers.store.ts'

export interface RouterChanges extends Partial<Omit<RouterFields, 'enable_snat'>> {
  /** Null for none. */
  readonly gateway?: WantedGateway | null
}

export type WantedRouter = RouterChanges & { readonly project_id: string }
/** By the subnet, or by a port on it. */
export type InterfaceName = { readonly subnet_id: string } | { readonly port_id: string; readonly subnet_id?: string }

export interface RouterVerbs {
  list(viewer: Viewer, listing: Listing): Promise<Page<Router>>
  /** @throws {Problem} not_found, also for one that the viewer may not see. */
  show(viewer: Viewer, id: string): Promise<Router>
  create(viewer: Viewer, wanted: WantedRouter): Promise<Router>
  /** @throws {Problem} conflict for a gateway that floating addresses need. */
  update(viewer: Viewer, id: string, changes: RouterChanges): Promise<Router>
  /** Its gateway goes with it. @throws {Problem} conflict while it has interfaces. */
  remove(viewer: Viewer, id: string): Promise<void>
  /** @throws {Problem} bad_request for a subnet that it has, or whose addresses it has; conflict for one in use. */
  addInterface(viewer: Viewer, id: string, which: InterfaceName): Promise<RouterInterface>
  removeInterface(viewer: Viewer, id: string, which: InterfaceName): Promise<RouterInterface>
}

export function routerVerbs(
  db: GlobalDb,
  { ports, subnets }: { ports: PortVerbs; subnets: SubnetVerbs },
): RouterVerbs {
  const { sql } = db

  async function show(viewer: Viewer, id: string): Promise<Router> {
    const router = isUuid(id) ? await showRouter(sql, viewer, id) : undefined
    if (!router) throw routerNotFound(id)
    return router
  }

  async function remove(id: string): Promise<void> {
    try {
      await db.transaction(async (tx) => {
        if (!(await lockRouter(tx, id))) throw routerNotFound(id)
        const legs = await legsOf(tx, id)
        if (legs.some((leg) => leg.device_owner === ROUTER_INTERFACE)) throw routerInUse(id)
        await deletePorts(
          tx,
          legs.map((leg) => leg.port_id),
        )
        await deleteRouter(tx, id)
      })
    } catch (error) {
      if (isForeignKeyViolation(error)) throw routerInUse(id)
      throw error
    }
  }

  async function change(router: Router, { gateway, ...fields }: RouterChanges): Promise<void> {
    if (fields.routes) await checkRoutes(router, fields.routes)
    // First what can be refused.
    if (gateway) await setGateway(db, router, gateway)
    if (gateway === null) await clearGateway(db, router)
    const columns = { ...fields, ...(gateway?.enable_snat !== undefined && { enable_snat: gateway.enable_snat }) }
    if (Object.keys(columns).length === 0) return
    await db.transaction(async (tx) => {
      if (!(await lockRouter(tx, router.id))) throw routerNotFound(router.id)
      await updateRouter(tx, router.id, columns)
    })
  }

  async function checkRoutes(router: Router, routes: RouterFields['routes']): Promise<void> {
    const reachable = (await legsOf(sql, router.id)).map((leg) => parseCidr(leg.cidr))
    for (const { destination, nexthop } of routes) {
      const hop = parseAddress(nexthop)
      if (!parseCidr(destination) || !hop) throw invalidInput(`'${destination}' via '${nexthop}' is not a valid route`)
      const connected = reachable.some(
        (cidr) => cidr && cidr.version === hop.version && cidr.first <= hop.value && hop.value <= cidr.last,
      )
      if (!connected) {
        throw badRouter(`the nexthop ${nexthop} is not connected with router`)
      }
    }
  }

  return {
    list: (viewer, listing) => listRouters(sql, viewer, listing),
    show,
    async create(viewer, { project_id, ...changes }) {
      const { name = '', description = '', admin_state_up = true } = changes
      const id = newId()
      await db.transaction(async (tx) => {
        await checkQuota(tx, 'router', [project_id])
        await insertRouter(tx, { id, project_id, name, description, admin_state_up, enable_snat: true, routes: [] })
      })
      const anybody = { ...viewer, all: true }
      const made = await show(anybody, id)
      const { gateway, routes } = changes
      try {
        await change(made, { ...(gateway && { gateway }), ...(routes && { routes }) })
      } catch (error) {
        await remove(id)
        throw error
      }
      return show(anybody, id)
    },
    async update(viewer, id, changes) {
      await change(await show(viewer, id), changes)
      return show(viewer, id)
    },
    async remove(viewer, id) {
      await show(viewer, id)
      await remove(id)
    },
    async addInterface(viewer, id, which) {
      const router = await show(viewer, id)
      if (!('port_id' in which)) return addSubnetInterface(db, router, await subnets.show(viewer, which.subnet_id))
      const port = await ports.show(viewer, which.port_id)
      const on = await Promise.all(port.fixed_ips.map(({ subnet_id }) => subnets.show(viewer, subnet_id)))
      return addPortInterface(db, router, port, on)
    },
    async removeInterface(viewer, id, which) {
      return removeInterface(db, await show(viewer, id), which)
    },
  }
}
