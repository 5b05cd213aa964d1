import { newId } from '../../kernel/index.ts'
import type { GlobalDb, GlobalTx } from '../../platform/db/index.ts'
import { overlap, parseCidr } from '../addresses.ts'
import { addPorts } from '../ports/add-ports.ts'
import { insertPorts, type NewPort, PLAIN_PORT } from '../ports/insert.store.ts'
import { ROUTER_INTERFACE } from '../ports/owners.ts'
import type { Port } from '../ports/ports.store.ts'
import type { Subnet } from '../subnets/subnets.store.ts'
import {
  badRouter,
  interfaceCarriesFloatingIps,
  interfaceNotFound,
  portInUse,
  routerNotFound,
  subnetInterfaceNotFound,
} from './router-failures.ts'
import {
  carriesFloatingIps,
  deletePorts,
  legsOf,
  lockRouter,
  type Router,
  type RouterLeg,
  takePort,
} from './routers.store.ts'

/** What the API says of an interface that was added or removed. */
export interface RouterInterface {
  readonly router_id: string
  readonly project_id: string
  readonly port_id: string
  readonly network_id: string
  readonly subnet_ids: readonly string[]
}

/** Puts a router on a subnet, with the subnet's gateway address. @throws {Problem} bad_request, conflict */
export async function addSubnetInterface(db: GlobalDb, router: Router, subnet: Subnet): Promise<RouterInterface> {
  const { gateway_ip } = subnet
  if (gateway_ip === null) throw badRouter('Subnet for router interface must have a gateway IP')
  const port: NewPort = {
    ...PLAIN_PORT,
    id: newId(),
    network_id: subnet.network_id,
    project_id: router.project_id,
    status: 'ACTIVE',
    device_id: router.id,
    device_owner: ROUTER_INTERFACE,
    port_security_enabled: false,
    addresses: [{ subnet_id: subnet.id, ip_address: gateway_ip }],
  }
  await addPorts(db.sql, [port], () =>
    db.transaction(async (tx) => {
      await checkRoom(tx, router, [subnet])
      await insertPorts(tx, [port])
    }),
  )
  return answer(router, port.id, subnet.network_id, [subnet.id])
}

/** Makes an existing port, with the addresses it has, an interface. @throws {Problem} bad_request, conflict */
export async function addPortInterface(
  db: GlobalDb,
  router: Router,
  port: Port,
  subnets: readonly Subnet[],
): Promise<RouterInterface> {
  if (subnets.length === 0) throw badRouter('Router port must have at least one fixed IP')
  await db.transaction(async (tx) => {
    await checkRoom(tx, router, subnets)
    if (!(await takePort(tx, port.id, router.id))) throw portInUse(port.id, port.network_id, port.device_id)
  })
  return answer(router, port.id, port.network_id, [...new Set(subnets.map((subnet) => subnet.id))])
}

/** Takes the interface off and deletes its port. @throws {Problem} not_found, conflict while a floating address needs it */
export async function removeInterface(
  db: GlobalDb,
  router: Router,
  which: { readonly port_id?: string; readonly subnet_id?: string },
): Promise<RouterInterface> {
  return db.transaction(async (tx) => {
    if (!(await lockRouter(tx, router.id))) throw routerNotFound(router.id)
    const interfaces = (await legsOf(tx, router.id)).filter((leg) => leg.device_owner === ROUTER_INTERFACE)
    const named = interfaces.find(
      (leg) =>
        (which.port_id === undefined || leg.port_id === which.port_id) &&
        (which.subnet_id === undefined || leg.subnet_id === which.subnet_id),
    )
    if (!named) {
      if (which.port_id !== undefined) throw interfaceNotFound(router.id, which.port_id)
      throw subnetInterfaceNotFound(router.id, which.subnet_id ?? '')
    }
    const subnetIds = interfaces.filter((leg) => leg.port_id === named.port_id).map((leg) => leg.subnet_id)
    if (await carriesFloatingIps(tx, router.id, subnetIds)) {
      throw interfaceCarriesFloatingIps(router.id, named.subnet_id)
    }
    await deletePorts(tx, [named.port_id])
    return answer(router, named.port_id, named.network_id, subnetIds)
  })
}

/** @throws {Problem} bad_request where the router is on a subnet already, or on one with the same addresses. */
async function checkRoom(
  tx: GlobalTx,
  router: Router,
  subnets: readonly Pick<Subnet, 'id' | 'cidr'>[],
): Promise<void> {
  if (!(await lockRouter(tx, router.id))) throw routerNotFound(router.id)
  const legs = await legsOf(tx, router.id)
  for (const subnet of subnets) {
    if (legs.some((leg) => leg.subnet_id === subnet.id)) {
      throw badRouter(`Router already has a port on subnet ${subnet.id}`)
    }
    const other = overlapping(legs, subnet.cidr)
    if (other) {
      throw badRouter(
        `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${other.cidr} of subnet ${other.subnet_id}`,
      )
    }
  }
}

/** The leg with addresses of `cidr`, if any. */
export function overlapping(legs: readonly RouterLeg[], cidr: string): RouterLeg | undefined {
  const range = parseCidr(cidr)
  return legs.find((leg) => {
    const other = parseCidr(leg.cidr)
    return range && other && overlap(range, other)
  })
}

const answer = (
  { id, project_id }: Router,
  port_id: string,
  network_id: string,
  subnet_ids: readonly string[],
): RouterInterface => ({ router_id: id, project_id, port_id, network_id, subnet_ids })
