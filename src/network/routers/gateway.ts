import { isUuid, newId } from '../../kernel/index.ts'
import type { GlobalDb, GlobalTx } from '../../platform/db/index.ts'
import { networkNotFound } from '../failures.ts'
import { addPorts } from '../ports/add-ports.ts'
import { insertPorts, type NewPort, PLAIN_PORT } from '../ports/insert.store.ts'
import { ROUTER_GATEWAY, ROUTER_INTERFACE } from '../ports/owners.ts'
import { anyAddresses, type FixedIp, wantedAddresses } from '../ports/wanted-addresses.ts'
import { networksById, type PortNetwork } from '../servers/server-ports.store.ts'
import { overlapping } from './interfaces.ts'
import { badRouter, gatewayCarriesFloatingIps, routerNotFound } from './router-failures.ts'
import { carriesFloatingIps, deletePorts, legsOf, lockRouter, type Router } from './routers.store.ts'

export interface WantedGateway {
  readonly network_id: string
  readonly enable_snat?: boolean
  readonly external_fixed_ips?: readonly FixedIp[]
}

/**
 * Connects a router to an external network, in place of the one before.
 * @throws {Problem} not_found or bad_request for a network that is none, or not external; conflict while floating
 * addresses need the gateway there is, or when no address is left
 */
export async function setGateway(db: GlobalDb, router: Router, wanted: WantedGateway): Promise<void> {
  const [network] = isUuid(wanted.network_id) ? await networksById(db.sql, [wanted.network_id]) : []
  if (!network) throw networkNotFound(wanted.network_id)
  if (!network.external) throw badRouter(`Network ${network.id} is not an external network`)
  if (router.gateway?.network_id === network.id && wanted.external_fixed_ips === undefined) return
  const port = gatewayPort(router, network, wanted.external_fixed_ips)
  await addPorts(db.sql, [port], () =>
    db.transaction(async (tx) => {
      await dropGateway(tx, router, network.id)
      const interfaces = (await legsOf(tx, router.id)).filter((leg) => leg.device_owner === ROUTER_INTERFACE)
      const clash = network.subnets.map((subnet) => overlapping(interfaces, subnet.cidr)).find(Boolean)
      if (clash) throw badRouter(`Cidr ${clash.cidr} of subnet ${clash.subnet_id} overlaps with the external network`)
      await insertPorts(tx, [port])
    }),
  )
}

/** Takes the gateway away, if there is one. @throws {Problem} conflict while floating addresses need it */
export async function clearGateway(db: GlobalDb, router: Router): Promise<void> {
  await db.transaction((tx) => dropGateway(tx, router, null))
}

async function dropGateway(tx: GlobalTx, router: Router, next: string | null): Promise<void> {
  if (!(await lockRouter(tx, router.id))) throw routerNotFound(router.id)
  const gateways = (await legsOf(tx, router.id)).filter((leg) => leg.device_owner === ROUTER_GATEWAY)
  const old = gateways.find((leg) => leg.network_id !== next)
  if (old && (await carriesFloatingIps(tx, router.id, null))) throw gatewayCarriesFloatingIps(router.id, old.network_id)
  await deletePorts(tx, [...new Set(gateways.map((leg) => leg.port_id))])
}

function gatewayPort(router: Router, network: PortNetwork, fixedIps: readonly FixedIp[] | undefined): NewPort {
  const addresses = fixedIps?.length ? wantedAddresses(network.subnets, fixedIps) : anyAddresses(network.subnets)
  if (addresses.length === 0) throw badRouter(`Network ${network.id} has no subnet to take an address from`)
  return {
    ...PLAIN_PORT,
    id: newId(),
    network_id: network.id,
    // The project sees the address at its router; the port is the cloud's.
    project_id: '',
    status: 'ACTIVE',
    device_id: router.id,
    device_owner: ROUTER_GATEWAY,
    port_security_enabled: false,
    addresses,
  }
}
