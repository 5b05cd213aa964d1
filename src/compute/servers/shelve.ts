import type { Located } from '../../cells/index.ts'
import { badRequest, conflict, type RequestContext } from '../../kernel/index.ts'
import type { Changes, ServerPorts } from './change.ts'
import { mustBeKnown } from './resize.ts'
import { snapshotFields } from './snapshot.ts'
import { assertAllowed, TRANSITIONS } from './transitions.ts'

const SHELVE_DEADLINE_S = 14_400

/** Stops a server and keeps its disk as an image. @throws {Problem} conflict */
export async function shelveServer(
  ports: ServerPorts,
  { begin }: Changes,
  ctx: RequestContext,
  located: Located,
): Promise<void> {
  const { server } = located
  assertAllowed(ctx, server, TRANSITIONS.shelve)
  const request = { name: `${server.name}-shelved`, metadata: {}, backup: null }
  const image_id = await ports.images.createSnapshot(ctx, snapshotFields(ctx, server, request))
  try {
    await begin(ctx, located, TRANSITIONS.shelve, {
      kind: 'server.shelve',
      input: { image_id, power_on: server.vm_state !== 'stopped' },
      deadline_s: SHELVE_DEADLINE_S,
    })
  } catch (error) {
    await ports.images.discardSnapshot(image_id)
    throw error
  }
}

/** What may be said about where a server comes back. */
export interface UnshelveServer {
  /** Absent: the zone it was made for; null: any, from now on. */
  readonly availability_zone?: string | null
  readonly host: string | null
}

/** @throws {Problem} bad_request, conflict */
export async function unshelveServer(
  ports: ServerPorts,
  { begin }: Changes,
  ctx: RequestContext,
  located: Located,
  { availability_zone, host }: UnshelveServer,
): Promise<void> {
  const { server } = located
  assertAllowed(ctx, server, TRANSITIONS.unshelve)
  const chosen = availability_zone !== undefined || host !== null
  if (chosen && server.vm_state !== 'shelved_offloaded') {
    throw conflict(
      `Specifying an availability zone or a host when unshelving server ${server.id} with status "SHELVED" is not ` +
        'supported. The server status must be SHELVED_OFFLOADED.',
    )
  }
  if (availability_zone) await zoneMustBe(ports, availability_zone)
  if (host !== null) await mustBeKnown(ports, host)
  await begin(
    ctx,
    located,
    TRANSITIONS.unshelve,
    { kind: 'server.unshelve', input: { host }, deadline_s: SHELVE_DEADLINE_S },
    () => (availability_zone === undefined ? {} : { availability_zone }),
  )
}

async function zoneMustBe({ hosts }: Pick<ServerPorts, 'hosts'>, name: string): Promise<void> {
  const zones = await hosts.zones({ internal: false })
  if (!zones.some((zone) => zone.name === name && zone.available)) {
    throw badRequest('The requested availability zone is not available')
  }
}
