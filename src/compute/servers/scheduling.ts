import type { Located, Server } from '../../cells/index.ts'
import { keptDecision, planRequestFor, seedOf } from '../../conductor/index.ts'
import { type Assumptions, type Decision, MAX_WHAT_IF_SERVERS, type WhatIfResult } from '../../contracts/index.ts'
import { badRequest, newId, type RequestContext } from '../../kernel/index.ts'
import { checkHints } from '../../scheduler/index.ts'
import type { ServerPorts } from './change.ts'
import { checkFits, checkPlace, type CreateServers, flavorCopy, flavorFor, imageFor } from './create.ts'

/** How a server came to its host. */
export interface ServerScheduling {
  readonly server_id: string
  /**
   * `moved`: the decision is that of its first host, which it has left since. `unknown`: placed by a release that did
   * not write down how.
   */
  readonly state: 'pending' | 'placed' | 'moved' | 'failed' | 'unknown'
  readonly decision: Decision | null
}

export function schedulingOf({ server }: Located): ServerScheduling {
  const decision = keptDecision(server.explanation)
  return { server_id: server.id, state: stateOf(server, decision), decision }
}

function stateOf({ host, task_state }: Server, decision: Decision | null): ServerScheduling['state'] {
  if (decision === null) return task_state === 'scheduling' ? 'pending' : 'unknown'
  if (decision.chosen === null) return 'failed'
  return host === null || host === decision.chosen.host ? 'placed' : 'moved'
}

/**
 * Asks the scheduler what it would decide of such a request. It is checked as a create is, and then goes the way of
 * one, but that nothing is written.
 * @throws {Problem} bad_request, forbidden
 */
export async function whatIf(
  ports: ServerPorts,
  ctx: RequestContext,
  request: CreateServers,
  assume: Assumptions,
): Promise<WhatIfResult> {
  if (request.max_count > MAX_WHAT_IF_SERVERS) {
    throw badRequest(`Invalid input for field/attribute max_count: at most ${MAX_WHAT_IF_SERVERS} servers can be asked for.`)
  }
  checkHints(request.hints)
  const [flavor, image] = await Promise.all([
    flavorFor(ports, ctx, request),
    imageFor(ports, ctx, request.image_id),
    checkPlace(ports, request),
    ports.serverGroups.checkRoom(ctx, request.group_id, request.max_count),
  ])
  checkFits(flavor, image, request)
  const id = newId()
  const { requested_host, requested_node, hints } = request
  const wanted = {
    server_id: id,
    project_id: ctx.projectId,
    flavor: flavorCopy(flavor),
    image_id: image.id,
    image_properties: image.properties,
    availability_zone: request.availability_zone,
    force_host: request.force_host,
    force_node: request.force_node,
    ...(requested_host === null ? {} : { requested_host }),
    ...(requested_node === null ? {} : { requested_node }),
    ...(Object.keys(hints).length === 0 ? {} : { hints }),
    group_id: request.group_id,
  }
  const { cells, default_schedule_zone } = ports
  const plan = await planRequestFor(wanted, { cells, default_schedule_zone, count: 1, seed: seedOf(id) })
  return ports.scheduling.whatIf({ request: plan, servers: request.max_count, assume })
}
