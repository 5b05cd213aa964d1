import type { Located } from '../../cells/index.ts'
import { badRequest, type RequestContext } from '../../kernel/index.ts'
import type { Changes, ServerPorts } from './change.ts'
import { mustBeKnown, recordMove, sourceIsUp } from './resize.ts'
import { assertAllowed, TRANSITIONS } from './transitions.ts'

const MOVE_DEADLINE_S = 14_400

/** A parsed request to move a server while it runs. */
export interface LiveMigrateServer {
  /** Null takes any other. */
  readonly host: string | null
  /** Takes the host although filters say no. */
  readonly force: boolean
  /** Whether disks are copied; `auto` is for the hosts to find out. */
  readonly storage: 'auto' | 'block' | 'shared'
}

/** @throws {Problem} bad_request, conflict */
export async function liveMigrateServer(
  ports: ServerPorts,
  { begin }: Changes,
  ctx: RequestContext,
  located: Located,
  { host, force, storage }: LiveMigrateServer,
): Promise<void> {
  const { server } = located
  assertAllowed(ctx, server, TRANSITIONS.live_migrate)
  await Promise.all([sourceIsUp(ports, server), host === null ? null : mustBeKnown(ports, host)])
  if (host !== null && host === server.host) {
    throw badRequest(`Unable to migrate instance (${server.id}) to current host (${host}).`)
  }
  const task = { kind: 'server.live-migrate', input: { host, force: force && host !== null, storage } }
  await begin(ctx, located, TRANSITIONS.live_migrate, { ...task, deadline_s: MOVE_DEADLINE_S }, async (tx, locked) => {
    await recordMove(tx, ctx, locked, 'live-migration', locked.flavor)
    return { progress: 0 }
  })
}

/** A parsed request to make a server anew elsewhere after its host has failed. */
export interface EvacuateServer {
  readonly host: string | null
  readonly force: boolean
  readonly admin_password: string
  /** Since 2.95 the server stays off, for its owner to see to it first. */
  readonly stay_off: boolean
}

/** @throws {Problem} bad_request while the host is up, conflict */
export async function evacuateServer(
  ports: ServerPorts,
  { begin }: Changes,
  ctx: RequestContext,
  located: Located,
  { host, force, admin_password, stay_off }: EvacuateServer,
): Promise<void> {
  const { server } = located
  assertAllowed(ctx, server, TRANSITIONS.evacuate)
  const statuses = await ports.hosts.statuses()
  if (host !== null && !statuses.has(host)) throw badRequest(`Compute host ${host} not found.`)
  if (host !== null && host === server.host) {
    throw badRequest('The target host can not be the same as the source host of the instance.')
  }
  if (server.host !== null && (await ports.hosts.isUp(server.host))) {
    throw badRequest(`Compute service of ${server.host} is still in use.`)
  }
  const power_on = server.vm_state !== 'stopped' && !stay_off
  const input = { host, force: force && host !== null, admin_password, power_on }
  const task = { kind: 'server.evacuate', input, deadline_s: MOVE_DEADLINE_S }
  await begin(ctx, located, TRANSITIONS.evacuate, task, async (tx, locked) => {
    await recordMove(tx, ctx, locked, 'evacuation', locked.flavor)
    return { progress: 0 }
  })
}
