import { newId } from '../kernel/index.ts'
import type { GlobalDb, GlobalTx } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { type Address, type Cidr, defaultPools, formatAddress, parseCidr, usableRange } from './addresses.ts'
import { insertNetworks } from './networks/networks.store.ts'
import { insertPorts, PLAIN_PORT } from './ports/insert.store.ts'
import { ROUTER_GATEWAY, ROUTER_INTERFACE } from './ports/owners.ts'
import { anyAddressOf } from './ports/wanted-addresses.ts'
import { insertRouter } from './routers/routers.store.ts'
import { insertSubnet, type NewSubnet } from './subnets/subnets.store.ts'

const PRIVATE_CIDR = '10.0.0.0/16'
/** What everybody has is nobody's in particular. */
const OWNER = ''

/**
 * A cloud without a network cannot boot a server that asks for none by name, so the first start makes a shared one,
 * named as devstack's, and a router from there to an external network for floating addresses. They are the operator's
 * from then on: changed or deleted, they stay so.
 */
export async function bootstrap(db: GlobalDb, externalCidr: string | null, log: Logger): Promise<void> {
  const [done] = await db.sql`select from network_bootstrap`
  if (done) return
  const external = externalCidr === null ? null : networkOf(externalCidr)
  const made = await db.transaction(async (tx) => {
    const [first] = await tx`insert into network_bootstrap default values on conflict do nothing returning 1`
    if (!first) return false
    const inside = await makeNetwork(tx, 'private', networkOf(PRIVATE_CIDR), PRIVATE_CIDR)
    if (!external || externalCidr === null) return true
    await connect(tx, inside, await makeNetwork(tx, 'public', external, externalCidr))
    return true
  })
  if (!made) return
  log.info(`made the shared network "private" with the addresses ${PRIVATE_CIDR}`)
  if (external) log.info(`made the external network "public" with the addresses ${externalCidr}`)
}

function networkOf(text: string): Cidr {
  const cidr = parseCidr(text)
  if (!cidr) throw new Error(`[bunova] external_network_cidr: ${text} is not a network`)
  return cidr
}

async function makeNetwork(tx: GlobalTx, name: 'private' | 'public', cidr: Cidr, text: string): Promise<NewSubnet> {
  const external = name === 'public'
  const gateway: Address = { version: cidr.version, value: usableRange(cidr).first }
  const network = newId()
  await insertNetworks(tx, [
    {
      id: network,
      name,
      description: '',
      project_id: OWNER,
      admin_state_up: true,
      shared: !external,
      external,
      mtu: 1500,
      port_security_enabled: true,
    },
  ])
  const subnet: NewSubnet = {
    id: newId(),
    network_id: network,
    name: `${name}-subnet`,
    description: '',
    project_id: OWNER,
    cidr: text,
    gateway_ip: formatAddress(gateway),
    enable_dhcp: !external,
    dns_nameservers: [],
    host_routes: [],
    allocation_pools: defaultPools(cidr, gateway),
  }
  await insertSubnet(tx, subnet)
  return subnet
}

async function connect(tx: GlobalTx, inside: NewSubnet, outside: NewSubnet): Promise<void> {
  const id = newId()
  await insertRouter(tx, {
    id,
    name: 'router',
    description: '',
    project_id: OWNER,
    admin_state_up: true,
    enable_snat: true,
    routes: [],
  })
  const port = { ...PLAIN_PORT, project_id: OWNER, status: 'ACTIVE', device_id: id, port_security_enabled: false } as const
  await insertPorts(tx, [
    {
      ...port,
      id: newId(),
      network_id: inside.network_id,
      device_owner: ROUTER_INTERFACE,
      addresses: [{ subnet_id: inside.id, ip_address: inside.gateway_ip ?? '' }],
    },
    {
      ...port,
      id: newId(),
      network_id: outside.network_id,
      device_owner: ROUTER_GATEWAY,
      addresses: [anyAddressOf([outside])],
    },
  ])
}
