import { beginAction, type Located, lockServer, updateServer, withdraw } from '../../cells/index.ts'
import { cancelTasks, DELETE_DEADLINE_S, insertTask } from '../../conductor/index.ts'
import type { RequestContext } from '../../kernel/index.ts'
import type { Changes, ServerPorts } from './change.ts'
import { assertAllowed, type Transition, TRANSITIONS } from './transitions.ts'

/**
 * Deletes from any state: a request that has no cell yet is withdrawn at once, any other server gets a task that goes
 * before all others of it. Asking again while that runs changes nothing.
 */
export async function deleteServer(
  { cells, ring }: Pick<ServerPorts, 'cells' | 'ring'>,
  { cellOf, logged }: Changes,
  ctx: RequestContext,
  located: Located,
  transition: Transition = TRANSITIONS.delete,
): Promise<void> {
  const { id } = located.server
  assertAllowed(ctx, located.server, transition)
  if (located.cell === null) {
    const withdrawn = await cells.global.transaction(async (tx) => {
      if (!(await withdraw(tx, id))) return false
      await cancelTasks(tx, id)
      return true
    })
    if (withdrawn) return
  }
  const found = await cells.find(id)
  // Gone meanwhile: what was asked for has happened.
  if (!found) return
  const cell = await cellOf(found)
  const task = await cell.transaction(async (tx) => {
    const server = await lockServer(tx, id)
    if (!server || server.task_state === 'deleting') return null
    assertAllowed(ctx, server, transition)
    await cancelTasks(tx, id)
    await updateServer(tx, id, { task_state: 'deleting', progress: 0, generation: server.generation + 2 })
    await beginAction(tx, logged(ctx, server, transition))
    return insertTask(tx, {
      kind: 'server.delete',
      subject: id,
      request_id: ctx.requestId,
      input: {},
      deadline_s: DELETE_DEADLINE_S,
    })
  })
  if (task) ring(cell.id, task)
}

const SOFT_DELETE_DEADLINE_S = 3600

/** Only what has run and is on a host can be restored. */
export const mayBeRestored = (
  { reclaim_instance_interval_s }: Pick<ServerPorts, 'reclaim_instance_interval_s'>,
  { server }: Located,
): boolean =>
  reclaim_instance_interval_s > 0 &&
  server.launched_at !== null &&
  server.host !== null &&
  server.vm_state !== 'soft-delete' &&
  server.vm_state !== 'resized'

/** Stops the server and keeps all it has, for a while. */
export async function softDeleteServer({ begin }: Changes, ctx: RequestContext, located: Located): Promise<void> {
  if (located.server.task_state === 'soft-deleting' || located.server.task_state === 'deleting') return
  const task = { kind: 'server.soft-delete', input: {}, deadline_s: SOFT_DELETE_DEADLINE_S }
  await begin(ctx, located, TRANSITIONS.soft_delete, task, async (tx, { id, system_metadata }) => {
    await cancelTasks(tx, id)
    return { system_metadata: { ...system_metadata, soft_deleted_at: new Date().toISOString() } }
  })
}

/** Brings back a server that was deleted softly; it has counted in the quota all the time. */
export async function restoreServer({ begin }: Changes, ctx: RequestContext, located: Located): Promise<void> {
  const task = { kind: 'server.restore', input: {}, deadline_s: SOFT_DELETE_DEADLINE_S }
  await begin(ctx, located, TRANSITIONS.restore, task)
}
