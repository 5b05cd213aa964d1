import { badRequest, conflict, isUuid, type Problem } from '../../kernel/index.ts'
import { failure } from '../failures.ts'
import type { GivenPort, GroupName, PortNetwork } from './server-ports.store.ts'

/** One network interface as a create request of the compute API asks for it. */
export interface NetworkRequest {
  readonly network_id?: string
  readonly port_id?: string
  readonly fixed_ip?: string
  readonly tag?: string
}

/** `auto`: the one network there is, if any; `none`: no interface. */
export type NetworkRequests = readonly NetworkRequest[] | 'auto' | 'none'

/** Sentences of the compute API, which answers for its networks in its own words. */
export const refusals = {
  networkNotFound: (id: string): Problem => badRequest(`Network ${id} could not be found.`),
  portNotFound: (id: string): Problem => badRequest(`Port id ${id} could not be found.`),
  portInUse: (id: string): Problem => conflict(`Port ${id} is still in use.`),
  portWithoutAddress: (id: string): Problem => badRequest(`Port ${id} requires a FixedIP in order to be used.`),
  networkWithoutSubnet: (id: string): Problem =>
    badRequest(`Network ${id} requires a subnet in order to boot instances on.`),
  externalNetwork: (id: string): Problem =>
    failure('forbidden', 'Forbidden', `It is not allowed to create an interface on external network ${id}`),
  addressInUse: (address: string, serverId: string): Problem =>
    badRequest(`Fixed IP address ${address} is already in use on instance ${serverId}.`),
  ambiguousNetwork: (): Problem => conflict('Multiple possible networks found, use a Network ID to be more specific.'),
  groupNotFound: (name: string): Problem => badRequest(`Security group ${name} not found.`),
  ambiguousGroup: (name: string): Problem =>
    conflict(`Multiple security groups found matching '${name}'. Use an ID to be more specific.`),
}

/** What `auto` stands for. @throws {Problem} conflict when there are several networks to choose from. */
export function chooseNetwork(available: readonly PortNetwork[]): NetworkRequest[] {
  const [network, other] = available
  if (other) throw refusals.ambiguousNetwork()
  return network ? [{ network_id: network.id }] : []
}

/** Ids of the networks and ports that requests name. One that is no UUID names nothing. */
export function namedIds(requests: readonly NetworkRequest[]): { networks: string[]; ports: string[] } {
  const networks = requests.flatMap((request) => request.network_id ?? [])
  const ports = requests.flatMap((request) => request.port_id ?? [])
  const [network] = networks.filter((id) => !isUuid(id))
  if (network !== undefined) throw refusals.networkNotFound(network)
  const [port] = ports.filter((id) => !isUuid(id))
  if (port !== undefined) throw refusals.portNotFound(port)
  return { networks, ports }
}

/** The port a request names. @throws {Problem} when it is not there, another server's, or without an address. */
export function givenPort(ports: readonly GivenPort[], id: string, serverId: string | null): GivenPort {
  const port = ports.find((each) => each.id === id)
  if (!port) throw refusals.portNotFound(id)
  if (port.device_id !== '' && port.device_id !== serverId) throw refusals.portInUse(id)
  if (!port.has_address) throw refusals.portWithoutAddress(id)
  return port
}

/** The network a request names. @throws {Problem} when it is not there or has no subnet. */
export function namedNetwork(networks: readonly PortNetwork[], id: string): PortNetwork {
  const network = networks.find((each) => each.id === id)
  if (!network) throw refusals.networkNotFound(id)
  if (network.subnets.length === 0) throw refusals.networkWithoutSubnet(id)
  return network
}

/** The security groups given by id or name, each once. @throws {Problem} for a name that none or several have. */
export function chooseGroups(found: readonly GroupName[], names: readonly string[]): GroupName[] {
  const chosen = names.map((name) => {
    const byId = found.find((group) => group.id === name)
    if (byId) return byId
    const [group, other] = found.filter((each) => each.name === name)
    if (!group) throw refusals.groupNotFound(name)
    if (other) throw refusals.ambiguousGroup(name)
    return group
  })
  return [...new Set(chosen)]
}
