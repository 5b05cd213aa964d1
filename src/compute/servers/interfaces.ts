import { findAction, type Located, type RequestedNetwork, type Server } from '../../cells/index.ts'
import type { QueryAnswer, Vif } from '../../contracts/index.ts'
import { badRequest, conflict, newId, notFound, type RequestContext, unavailable } from '../../kernel/index.ts'
import type { Changes, ServerPorts } from './change.ts'
import { assertAllowed, TRANSITIONS } from './transitions.ts'

const INTERFACE_DEADLINE_S = 600
const POLL_MS = 25
const DIAGNOSTICS_DEADLINE_S = 30

/** What a server is connected to: its ports, their groups and addresses. */
export function createInterfaceUseCases(ports: ServerPorts, { begin, alter, cellOf }: Changes) {
  const { networks, cells, clock } = ports

  /** Ends when the task of this request has: whoever attaches a port waits to learn its address. @throws {Problem} bad_request */
  async function outcomeOf(ctx: RequestContext, located: Located): Promise<void> {
    const cell = await cellOf(located)
    const deadline = clock.now() + ports.rpc_response_timeout_s * 1000
    for (; clock.now() < deadline; await clock.sleep(POLL_MS)) {
      const [event] = (await findAction(cell, located.server.id, ctx.requestId))?.events ?? []
      if (event?.result === 'Success') return
      if (event) throw badRequest(`Failed to attach network adapter device to ${located.server.id}: ${event.details}`)
    }
    throw unavailable('The interface is not attached yet.')
  }

  /** The row shows the server's ports as they are now. */
  async function refresh(ctx: RequestContext, located: Located, transition: Parameters<typeof alter>[2]): Promise<void> {
    const vifs = await networks.vifsOfServer(located.server.id)
    await alter(ctx, located, transition, () => ({ vifs }))
  }

  return {
    /** Gives the server another port and waits until its guest has it. @throws {Problem} bad_request, conflict */
    async attachInterface(ctx: RequestContext, located: Located, request: RequestedNetwork): Promise<Vif> {
      const { server } = located
      assertAllowed(ctx, server, TRANSITIONS.attach_interface)
      const named = request.network_id !== undefined || request.port_id !== undefined
      await networks.validateRequests(ctx, named ? [request] : 'auto', [])
      const new_port_id = newId()
      await begin(ctx, located, TRANSITIONS.attach_interface, {
        kind: 'server.attach-interface',
        input: { request, new_port_id },
        deadline_s: INTERFACE_DEADLINE_S,
      })
      await outcomeOf(ctx, located)
      const wanted = request.port_id ?? new_port_id
      const vif = (await cells.find(server.id))?.server.vifs.find(({ port_id }) => port_id === wanted)
      if (!vif) throw conflict(`Port ${wanted} was detached again.`)
      return vif
    },

    /** @throws {Problem} not_found for a port that the server does not have, conflict */
    async detachInterface(ctx: RequestContext, located: Located, port_id: string): Promise<void> {
      const { server } = located
      assertAllowed(ctx, server, TRANSITIONS.detach_interface)
      if (!server.vifs.some((vif) => vif.port_id === port_id)) {
        throw notFound(`Instance ${server.id} does not have a port with id ${port_id.slice(0, 64)}`)
      }
      await begin(ctx, located, TRANSITIONS.detach_interface, {
        kind: 'server.detach-interface',
        input: { port_id },
        deadline_s: INTERFACE_DEADLINE_S,
      })
    },

    async addSecurityGroup(ctx: RequestContext, located: Located, name: string): Promise<void> {
      const { id, project_id } = located.server
      const group = await networks.addGroupToServer(ctx, id, project_id, name)
      await alter(ctx, located, TRANSITIONS.update, ({ security_groups }) => ({
        security_groups: [...without(security_groups, group), group],
      }))
    },

    async removeSecurityGroup(ctx: RequestContext, located: Located, name: string): Promise<void> {
      const { id, project_id } = located.server
      const group = await networks.removeGroupFromServer(ctx, id, project_id, name)
      await alter(ctx, located, TRANSITIONS.update, ({ security_groups }) => ({
        security_groups: without(security_groups, group),
      }))
    },

    async addFixedIp(ctx: RequestContext, located: Located, networkId: string): Promise<void> {
      assertAllowed(ctx, located.server, TRANSITIONS.add_fixed_ip)
      await networks.addFixedIp(ctx, located.server.id, networkId)
      await refresh(ctx, located, TRANSITIONS.add_fixed_ip)
    },

    async removeFixedIp(ctx: RequestContext, located: Located, address: string): Promise<void> {
      assertAllowed(ctx, located.server, TRANSITIONS.remove_fixed_ip)
      await networks.removeFixedIp(ctx, located.server.id, address)
      await refresh(ctx, located, TRANSITIONS.remove_fixed_ip)
    },

    /** @param fixed which of the server's addresses it leads to; null takes the first. */
    addFloatingIp: (ctx: RequestContext, { server }: Located, address: string, fixed: string | null): Promise<void> =>
      networks.addFloatingIp(ctx, server.id, address, fixed),
    removeFloatingIp: (ctx: RequestContext, { server }: Located, address: string): Promise<void> =>
      networks.removeFloatingIp(ctx, server.id, address),

    /** Has the server's host told anew how its network has to be. */
    async injectNetworkInfo(ctx: RequestContext, { server }: Located): Promise<void> {
      assertAllowed(ctx, server, TRANSITIONS.inject_network_info)
      await networks.bindHost(server.id, server.host!)
    },

    /** @throws {Problem} conflict: it is on no host; not_implemented, unavailable */
    async diagnostics({ server }: Located): Promise<QueryAnswer<'diagnostics'>> {
      if (server.host === null) throw conflict(`Instance ${server.id} is not ready`)
      const query = { query: 'diagnostics', server_id: server.id } as const
      return ports.hostCalls.query(server.host, query, DIAGNOSTICS_DEADLINE_S)
    },
  }
}

const without = (groups: Server['security_groups'], { id, name }: { id: string; name: string }) =>
  groups.filter((group) => (group.id === undefined ? group.name !== name : group.id !== id))
