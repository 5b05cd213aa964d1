import { beginAction, type Located, lockServer, updateServer, withdraw } from '../../cells/index.ts'
import { cancelTasks, DELETE_DEADLINE_S, insertTask } from '../../conductor/index.ts'
import type { RequestContext } from '../../kernel/index.ts'
import type { Changes, ServerPorts } from './change.ts'
import { assertAllowed, TRANSITIONS } from './transitions.ts'

/**
 * Deletes from any state: a request that has no cell yet is withdrawn at once, any other server gets a task that goes
 * before all others of it. Asking again while that runs changes nothing.
 */
export async function deleteServer(
  { cells, ring }: Pick<ServerPorts, 'cells' | 'ring'>,
  { cellOf, logged }: Changes,
  ctx: RequestContext,
  located: Located,
): Promise<void> {
  const { id } = located.server
  assertAllowed(ctx, located.server, TRANSITIONS.delete)
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
    assertAllowed(ctx, server, TRANSITIONS.delete)
    await cancelTasks(tx, id)
    await updateServer(tx, id, { task_state: 'deleting', progress: 0, generation: server.generation + 2 })
    await beginAction(tx, logged(ctx, server, TRANSITIONS.delete))
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
