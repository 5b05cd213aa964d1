import { badRequest, notFound, type RequestContext } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import type { FloatingIpVerbs } from '../floating-ips/floating-ip-verbs.ts'
import { viewerOf } from '../listing.ts'
import type { PortVerbs } from '../ports/port-verbs.ts'
import type { Port } from '../ports/ports.store.ts'
import type { FixedIp } from '../ports/wanted-addresses.ts'
import { type GroupName, groupsNamed } from './server-ports.store.ts'

/** What the compute API's older actions change at a server's ports. Each throws `Problem`s in Nova's words. */
export interface ServerAddresses {
  /** @returns the group that was meant by its name or id */
  addGroupToServer(ctx: RequestContext, serverId: string, projectId: string, name: string): Promise<GroupName>
  removeGroupFromServer(ctx: RequestContext, serverId: string, projectId: string, name: string): Promise<GroupName>
  /** Another address in a network in which the server has a port. */
  addFixedIp(ctx: RequestContext, serverId: string, networkId: string): Promise<void>
  removeFixedIp(ctx: RequestContext, serverId: string, address: string): Promise<void>
  /** @param fixed which of the server's addresses it leads to; null takes its first one of IPv4 */
  addFloatingIp(ctx: RequestContext, serverId: string, address: string, fixed: string | null): Promise<void>
  removeFloatingIp(ctx: RequestContext, serverId: string, address: string): Promise<void>
}

const EVERY_PORT = { sort: [], limit: null, marker: null } as const

export function serverAddresses(
  db: GlobalDb,
  { ports, floatingIps }: { ports: PortVerbs; floatingIps: FloatingIpVerbs },
): ServerAddresses {
  async function portsOf(ctx: RequestContext, serverId: string): Promise<Port[]> {
    const filters = new Map([['device_id', [serverId]]])
    const any = { ip_addresses: null, subnet_ids: null }
    return (await ports.list({ ...viewerOf(ctx), all: true }, { ...EVERY_PORT, filters }, any)).items
  }

  async function groupOf(projectId: string, name: string): Promise<GroupName> {
    const [group, other] = await groupsNamed(db.sql, projectId, [name])
    if (!group) throw notFound(`Security group ${name} not found for project ${projectId}.`)
    if (other && other.id !== group.id) {
      throw badRequest(`Multiple security groups found matching '${name}'. Use an ID to be more specific.`)
    }
    return group
  }

  async function floatingIp(ctx: RequestContext, address: string) {
    const filters = new Map([['floating_ip_address', [address]]])
    const [found] = (await floatingIps.list(viewerOf(ctx), { ...EVERY_PORT, filters })).items
    if (!found) throw notFound(`Floating IP not found for address ${address}.`)
    return found
  }

  const change = (ctx: RequestContext, { id }: Port, changes: { security_groups?: string[]; fixed_ips?: FixedIp[] }) =>
    ports.update({ ...viewerOf(ctx), all: true }, id, changes)

  return {
    async addGroupToServer(ctx, serverId, projectId, name) {
      const [group, own] = await Promise.all([groupOf(projectId, name), portsOf(ctx, serverId)])
      if (own.length === 0) throw notFound(`instance_id ${serverId} could not be found as device id on any ports`)
      if (own.some((port) => !port.port_security_enabled || port.fixed_ips.length === 0)) {
        throw badRequest(
          'Network requires port_security_enabled and subnet associated in order to apply security groups.',
        )
      }
      for (const port of own) {
        await change(ctx, port, { security_groups: [...new Set([...port.security_groups, group.id])] })
      }
      return group
    },

    async removeGroupFromServer(ctx, serverId, projectId, name) {
      const [group, own] = await Promise.all([groupOf(projectId, name), portsOf(ctx, serverId)])
      const having = own.filter((port) => port.security_groups.includes(group.id))
      if (having.length === 0) {
        throw notFound(`Security group ${name} is not associated with the instance ${serverId}`)
      }
      for (const port of having) {
        await change(ctx, port, { security_groups: port.security_groups.filter((id) => id !== group.id) })
      }
      return group
    },

    async addFixedIp(ctx, serverId, networkId) {
      const port = (await portsOf(ctx, serverId)).find((each) => each.network_id === networkId)
      const subnet_id = port?.fixed_ips[0]?.subnet_id
      if (!port || subnet_id === undefined) {
        throw badRequest(`Instance ${serverId} has no port with an address in network ${networkId}.`)
      }
      await change(ctx, port, { fixed_ips: [...port.fixed_ips, { subnet_id }] })
    },

    async removeFixedIp(ctx, serverId, address) {
      const port = (await portsOf(ctx, serverId)).find((each) => each.fixed_ips.some((ip) => ip.ip_address === address))
      if (!port) throw badRequest(`Fixed IP ${address} not found for instance ${serverId}.`)
      await change(ctx, port, { fixed_ips: port.fixed_ips.filter((ip) => ip.ip_address !== address) })
    },

    async addFloatingIp(ctx, serverId, address, fixed) {
      const [floating, own] = await Promise.all([floatingIp(ctx, address), portsOf(ctx, serverId)])
      if (own.length === 0) throw badRequest('No fixed IPs associated to instance')
      const fits = (ip: { ip_address: string }) => (fixed === null ? !ip.ip_address.includes(':') : ip.ip_address === fixed)
      const port = own.find(({ fixed_ips }) => fixed_ips.some(fits))
      if (!port) throw badRequest('Specified fixed address not assigned to instance')
      const fixed_ip_address = port.fixed_ips.find(fits)!.ip_address
      await floatingIps.update(viewerOf(ctx), floating.id, { port_id: port.id, fixed_ip_address })
    },

    async removeFloatingIp(ctx, serverId, address) {
      const [floating, own] = await Promise.all([floatingIp(ctx, address), portsOf(ctx, serverId)])
      const leadsHere = own.some(({ fixed_ips }) => fixed_ips.some((ip) => ip.ip_address === floating.fixed_ip_address))
      if (!leadsHere) throw badRequest(`Floating IP ${address} is not associated with instance ${serverId}.`)
      await floatingIps.update(viewerOf(ctx), floating.id, { port_id: null })
    },
  }
}
