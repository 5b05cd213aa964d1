import {
  insertMigration,
  lastMigration,
  type Located,
  type MigrationType,
  resizeMapping,
  type Server,
  updateMigration,
} from '../../cells/index.ts'
import { settleQuota } from '../../conductor/index.ts'
import type { Flavor } from '../../contracts/index.ts'
import { badRequest, conflict, type RequestContext } from '../../kernel/index.ts'
import type { CellTx } from '../../platform/db/index.ts'
import type { Changes, ServerPorts } from './change.ts'
import { checkFits, flavorCopy, flavorFor, quotaLimits } from './create.ts'
import { assertAllowed, TRANSITIONS } from './transitions.ts'

const MOVE_DEADLINE_S = 14_400
const DECISION_DEADLINE_S = 1800

/** A parsed request for another flavor. */
export interface ResizeServer {
  readonly flavor_id: string
  readonly auto_disk_config: boolean | null
}

/** @throws {Problem} bad_request, over_quota, conflict */
export async function resizeServer(
  ports: ServerPorts,
  changes: Changes,
  ctx: RequestContext,
  located: Located,
  { flavor_id, auto_disk_config }: ResizeServer,
): Promise<void> {
  const { server } = located
  assertAllowed(ctx, server, TRANSITIONS.resize)
  const [row, bounds] = await Promise.all([
    flavorFor(ports, ctx, { flavor_id }),
    ports.quotas.boundsOf(server.project_id, server.user_id),
    sourceIsUp(ports, server),
  ])
  const flavor = flavorCopy(row)
  if (flavor.id === server.flavor_id) throw badRequest('When resizing, instances must change flavor!')
  if (flavor.root_gb === 0 && server.flavor.root_gb > 0) {
    throw badRequest('Resize to zero disk flavor is not allowed.')
  }
  if (flavor.root_gb < server.flavor.root_gb) {
    throw badRequest("Resize error: Unable to resize disk down: the flavor's root disk is smaller than the server's.")
  }
  if (server.image) {
    const image = { ...server.image, status: 'active', size_bytes: null, virtual_size_bytes: null }
    checkFits(flavor, image, { may_use_zero_disk: true })
  }
  // Until that is decided the server may become either: the project must have room for the larger of the two.
  const counted = {
    vcpus: Math.max(flavor.vcpus, server.flavor.vcpus),
    memory_mb: Math.max(flavor.memory_mb, server.flavor.memory_mb),
    flavor: server.flavor,
  }
  await ports.cells.global.transaction((tx) => resizeMapping(tx, server.id, counted, quotaLimits(bounds)))
  try {
    await changes.begin(
      ctx,
      located,
      TRANSITIONS.resize,
      {
        kind: 'server.resize',
        input: { host: null, may_stay: ports.allow_resize_to_same_host },
        deadline_s: MOVE_DEADLINE_S,
      },
      async (tx, locked) => {
        await recordMove(tx, ctx, locked, 'resize', flavor)
        return { progress: 0, ...(auto_disk_config === null ? {} : { auto_disk_config }) }
      },
    )
  } catch (error) {
    if (located.cell) await settleQuota(ports, located.cell, server.id)
    throw error
  }
}

/** @param host wanted, if it passes the filters. @throws {Problem} bad_request, conflict */
export async function migrateServer(
  ports: ServerPorts,
  { begin }: Changes,
  ctx: RequestContext,
  located: Located,
  host: string | null,
): Promise<void> {
  const { server } = located
  assertAllowed(ctx, server, TRANSITIONS.migrate)
  await Promise.all([sourceIsUp(ports, server), host === null ? null : mustBeKnown(ports, host)])
  if (host !== null && host === server.host) {
    throw badRequest('The target host can not be the same as the source host of the instance.')
  }
  await begin(
    ctx,
    located,
    TRANSITIONS.migrate,
    { kind: 'server.resize', input: { host, may_stay: false }, deadline_s: MOVE_DEADLINE_S },
    async (tx, locked) => {
      await recordMove(tx, ctx, locked, 'migration', locked.flavor)
      return { progress: 0 }
    },
  )
}

/** Writes a move down in the transaction that begins it. */
export async function recordMove(
  tx: CellTx,
  ctx: RequestContext,
  server: Server,
  migration_type: MigrationType,
  new_flavor: Flavor,
): Promise<void> {
  await insertMigration(tx, {
    server_id: server.id,
    migration_type,
    status: migration_type === 'live-migration' || migration_type === 'evacuation' ? 'accepted' : 'pre-migrating',
    source_compute: server.host,
    source_node: server.node,
    old_flavor: server.flavor,
    new_flavor,
    power_on: server.vm_state !== 'stopped',
    user_id: ctx.userId,
    project_id: ctx.projectId,
    request_id: ctx.requestId,
  })
}

/** Stays what it has become. @throws {Problem} bad_request where there is nothing to confirm */
export const confirmResize = (changes: Changes, ctx: RequestContext, located: Located): Promise<void> =>
  decide(changes, ctx, located, 'confirm')

/** Becomes again what it was. @throws {Problem} bad_request where there is nothing to revert */
export const revertResize = (changes: Changes, ctx: RequestContext, located: Located): Promise<void> =>
  decide(changes, ctx, located, 'revert')

async function decide(
  { begin }: Changes,
  ctx: RequestContext,
  located: Located,
  decision: 'confirm' | 'revert',
): Promise<void> {
  const transition = decision === 'confirm' ? TRANSITIONS.confirm_resize : TRANSITIONS.revert_resize
  const task = { kind: `server.${decision}-resize`, input: {}, deadline_s: DECISION_DEADLINE_S }
  await begin(ctx, located, transition, task, async (tx, { id }) => {
    const migration = await lastMigration(tx, id, ['finished'])
    if (!migration) throw badRequest('Instance has not been resized.')
    await updateMigration(tx, migration.id, { status: decision === 'confirm' ? 'confirming' : 'reverting' })
    return {}
  })
}

/** @throws {Problem} conflict */
export async function sourceIsUp({ hosts }: Pick<ServerPorts, 'hosts'>, { host }: Server): Promise<void> {
  const status = host === null ? '' : (await hosts.statuses()).get(host)
  if (status !== 'UP' && status !== 'MAINTENANCE') throw conflict('Service is unavailable at this time.')
}

/** @throws {Problem} bad_request for a host that there is not */
export async function mustBeKnown({ hosts }: Pick<ServerPorts, 'hosts'>, host: string): Promise<void> {
  if (!(await hosts.statuses()).has(host)) throw badRequest(`Compute host ${host} could not be found.`)
}
