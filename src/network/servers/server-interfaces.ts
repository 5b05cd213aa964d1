import type { Vif } from '../../contracts/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import { addPorts } from '../ports/add-ports.ts'
import { PLAIN_PORT } from '../ports/insert.store.ts'
import { anyAddresses, certainAddress } from '../ports/wanted-addresses.ts'
import { ensureDefaultGroup } from '../security-groups/default-group.ts'
import { chooseNetwork, givenPort, namedIds, namedNetwork, type NetworkRequest, refusals } from './requests.ts'
import {
  availableNetworks,
  bindPort,
  networksById,
  nextRequestIndex,
  portsById,
  releasePort,
  vifsOf,
} from './server-ports.store.ts'

export interface AttachInput {
  readonly server_id: string
  readonly project_id: string
  readonly host: string
  readonly availability_zone: string
  /** A network, an existing port, or neither for the one network there is. */
  readonly request: NetworkRequest
  /** The id that a port gets which is made for it: by it a second call finds the first one's. */
  readonly new_port_id: string
}

/** Ports that come and go while a server is there. */
export interface ServerInterfaces {
  /** Asked for again, it finds the port as it is. @throws {Problem} with Nova's sentence when it cannot be had */
  attachToServer(input: AttachInput): Promise<Vif>
  /** Deletes a port that compute made, and frees one that it was given. Of one that is not the server's: nothing. */
  detachFromServer(serverId: string, portId: string): Promise<void>
  /** The server's ports in the order in which they came, as its guest sees them. */
  vifsOfServer(serverId: string): Promise<Vif[]>
}

const DEFAULT_ZONE = 'nova'

export function serverInterfaces(db: GlobalDb): ServerInterfaces {
  const { sql } = db

  async function give(input: AttachInput, port_id: string): Promise<string> {
    const { server_id, host } = input
    namedIds([input.request])
    const { id } = givenPort(await portsById(sql, [port_id]), port_id, server_id)
    const device_owner = ownerOf(input)
    const request_index = await nextRequestIndex(sql, server_id)
    const bound = await db.transaction((tx) =>
      bindPort(tx, { port_id: id, server_id, request_index, device_owner, host, status: 'ACTIVE' }),
    )
    if (!bound) throw refusals.portInUse(id)
    return id
  }

  async function make(input: AttachInput): Promise<string> {
    const { server_id, project_id, request, new_port_id } = input
    const [wanted] = request.network_id ? [request] : chooseNetwork(await availableNetworks(sql, project_id))
    const network_id = wanted?.network_id ?? ''
    namedIds(network_id ? [{ network_id }] : [])
    const network = namedNetwork(await networksById(sql, network_id ? [network_id] : []), network_id)
    const secured = network.port_security_enabled
    await addPorts(sql, [
      {
        ...PLAIN_PORT,
        id: new_port_id,
        network_id: network.id,
        project_id,
        status: 'ACTIVE',
        device_id: server_id,
        device_owner: ownerOf(input),
        binding_host: input.host,
        made_by_compute: true,
        request_index: await nextRequestIndex(sql, server_id),
        port_security_enabled: secured,
        security_group_ids: secured ? [await ensureDefaultGroup(db, project_id)] : [],
        addresses: request.fixed_ip
          ? [certainAddress(request.fixed_ip, network.subnets)]
          : anyAddresses(network.subnets),
      },
    ])
    return new_port_id
  }

  return {
    async attachToServer(input) {
      const { server_id, request, new_port_id } = input
      const find = async (id: string) => (await vifsOf(sql, server_id)).find(({ port_id }) => port_id === id)
      const there = await find(request.port_id ?? new_port_id)
      if (there) return there
      const id = request.port_id === undefined ? await make(input) : await give(input, request.port_id)
      const vif = await find(id)
      if (!vif) throw refusals.portNotFound(id)
      return vif
    },
    detachFromServer: (serverId, portId) => releasePort(sql, serverId, portId),
    vifsOfServer: (serverId) => vifsOf(sql, serverId),
  }
}

const ownerOf = ({ availability_zone }: AttachInput): string => `compute:${availability_zone || DEFAULT_ZONE}`
