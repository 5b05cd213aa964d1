import type { Vif } from '../../contracts/index.ts'
import { conflict, newId, type RequestContext } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import { addPorts } from '../ports/add-ports.ts'
import { takenAddresses } from '../ports/addresses.store.ts'
import { type NewPort, PLAIN_PORT } from '../ports/insert.store.ts'
import { anyAddresses, certainAddress } from '../ports/wanted-addresses.ts'
import { DEFAULT_GROUP, ensureDefaultGroup } from '../security-groups/default-group.ts'
import {
  chooseGroups,
  chooseNetwork,
  givenPort,
  namedIds,
  namedNetwork,
  type NetworkRequest,
  type NetworkRequests,
  refusals,
} from './requests.ts'
import {
  availableNetworks,
  bindPort,
  type GroupName,
  groupsNamed,
  groupsOfServer,
  moveBinding,
  networksById,
  portsById,
  releasePorts,
  type SecurityGroupOfServer,
  vifsOf,
} from './server-ports.store.ts'

export interface AllocateInput {
  readonly server_id: string
  readonly project_id: string
  /** Empty while no host is chosen. */
  readonly host?: string
  readonly availability_zone?: string
  readonly requests: NetworkRequests
  /** Names or ids; they apply to ports made here. None means `default`. */
  readonly security_groups: readonly string[]
  /** Certain that nobody has asked for this server's ports before. */
  readonly first?: boolean
}

/** What compute asks of the network: the ports of its servers. */
export interface ServerPorts {
  /**
   * Gives a server its ports, in the order of the requests: made for it, or existing ones that it was given. Asked for
   * again, it finds them as they are.
   * @throws {Problem} with Nova's sentence when one of them cannot be had; `releaseForServer` then takes back the
   * others.
   */
  allocateForServer(input: AllocateInput): Promise<Vif[]>
  /** Takes a server's ports back: those made for it are deleted, others are free again. Of none, nothing. */
  releaseForServer(serverId: string): Promise<void>
  /** Says that the server's ports are on another host now. */
  bindHost(serverId: string, host: string): Promise<void>
  /**
   * Whether the requests of a create could be met now.
   * @returns the security groups that were meant, if ports are to be made. @throws {Problem} with Nova's sentence
   */
  validateRequests(
    ctx: RequestContext,
    requests: NetworkRequests,
    securityGroups: readonly string[],
  ): Promise<readonly GroupName[]>
  /** The groups of a server's ports, each with its rules. */
  groupsOfServer(serverId: string): Promise<SecurityGroupOfServer[]>
}

/** Tries against others who give the same server its ports; the second time these are found. */
const ATTEMPTS = 3
const DEFAULT_ZONE = 'nova'

export function serverPorts(db: GlobalDb): ServerPorts {
  /** The network and port rows and group ids that requests are about, in one round trip where they are all there. */
  async function lookUp(projectId: string, requests: Exclude<NetworkRequests, 'none'>, groups: readonly string[]) {
    const { networks: networkIds, ports: portIds } = namedIds(requests === 'auto' ? [] : requests)
    const names = groups.length === 0 ? [DEFAULT_GROUP] : groups
    const [networks, ports, found] = await Promise.all([
      requests === 'auto' ? availableNetworks(db.sql, projectId) : networksById(db.sql, networkIds),
      portIds.length === 0 ? [] : portsById(db.sql, portIds),
      groupsNamed(db.sql, projectId, names),
    ])
    if (names.includes(DEFAULT_GROUP) && !found.some((group) => group.name === DEFAULT_GROUP)) {
      found.push({ id: await ensureDefaultGroup(db, projectId), name: DEFAULT_GROUP })
    }
    const wanted: readonly NetworkRequest[] = requests === 'auto' ? chooseNetwork(networks) : requests
    return { networks, ports, wanted, groups: chooseGroups(found, names) }
  }

  async function add(input: AllocateInput, facts: Awaited<ReturnType<typeof lookUp>>, present: readonly Vif[]) {
    const host = input.host ?? ''
    const device_owner = `compute:${input.availability_zone || DEFAULT_ZONE}`
    const status = host === '' ? 'DOWN' : 'ACTIVE'
    const made: NewPort[] = []
    const given: { port_id: string; request_index: number }[] = []
    facts.wanted.forEach((request, request_index) => {
      if (request.port_id !== undefined) {
        if (present.some((vif) => vif.port_id === request.port_id)) return
        given.push({ port_id: givenPort(facts.ports, request.port_id, input.server_id).id, request_index })
        return
      }
      const network = namedNetwork(facts.networks, request.network_id ?? '')
      made.push({
        ...PLAIN_PORT,
        id: newId(),
        network_id: network.id,
        project_id: input.project_id,
        status,
        device_id: input.server_id,
        device_owner,
        binding_host: host,
        made_by_compute: true,
        request_index,
        port_security_enabled: network.port_security_enabled,
        security_group_ids: network.port_security_enabled ? facts.groups.map((group) => group.id) : [],
        addresses: request.fixed_ip
          ? [certainAddress(request.fixed_ip, network.subnets)]
          : anyAddresses(network.subnets),
      })
    })
    if (given.length > 0) {
      await db.transaction(async (tx) => {
        for (const port of given) {
          const bound = await bindPort(tx, { ...port, server_id: input.server_id, device_owner, host, status })
          if (!bound) throw refusals.portInUse(port.port_id)
        }
      })
    }
    if (made.length > 0) await addPorts(db.sql, made)
  }

  return {
    async allocateForServer(input) {
      const { requests } = input
      if (requests === 'none' || requests.length === 0) return []
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        // Asked for together, as nearly always there are no ports yet; where there are, what it says does not matter.
        const lookedUp = lookUp(input.project_id, requests, input.security_groups)
        lookedUp.catch(() => {})
        let present = input.first && attempt === 1 ? [] : await vifsOf(db.sql, input.server_id)
        if (requests === 'auto' ? present.length > 0 : present.length >= requests.length) return present
        const facts = await lookedUp
        if (facts.wanted.length === 0) return []
        await add(input, facts, present)
        present = await vifsOf(db.sql, input.server_id)
        if (present.length >= facts.wanted.length) return present
      }
      throw conflict(`The ports of server ${input.server_id} are being changed by another request.`)
    },

    releaseForServer: (serverId) => releasePorts(db.sql, serverId),

    bindHost: (serverId, host) => moveBinding(db.sql, serverId, host),

    async validateRequests(ctx, requests, securityGroups) {
      if (requests === 'none') return []
      const { networks, ports, wanted, groups } = await lookUp(ctx.projectId, requests, securityGroups)
      const certain = wanted.flatMap((request) => {
        if (request.port_id !== undefined) {
          const port = ports.find((each) => each.id === request.port_id)
          if (port && port.project_id !== ctx.projectId && !ctx.isAdmin) throw refusals.portNotFound(request.port_id)
          givenPort(ports, request.port_id, null)
          return []
        }
        const id = request.network_id ?? ''
        const network = networks.find((each) => each.id === id)
        const visible =
          network && (ctx.isAdmin || network.shared || network.external || network.project_id === ctx.projectId)
        if (!visible) throw refusals.networkNotFound(id)
        if (network.external && !network.shared && !ctx.isAdmin) throw refusals.externalNetwork(id)
        namedNetwork(networks, id)
        return request.fixed_ip ? [certainAddress(request.fixed_ip, network.subnets)] : []
      })
      if (certain.length === 0) return groups
      const [taken] = await takenAddresses(db.sql, certain)
      if (taken) throw refusals.addressInUse(taken.ip_address, taken.device_id)
      return groups
    },

    groupsOfServer: (serverId) => groupsOfServer(db.sql, serverId),
  }
}
