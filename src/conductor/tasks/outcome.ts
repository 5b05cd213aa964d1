import { finishAction, lockServer, type Server, updateServer } from '../../cells/index.ts'
import type { CellTx } from '../../platform/db/index.ts'
import type { Failure, TaskContext } from '../task.ts'

/** How an operation on a server ended. */
export interface Outcome {
  /** Nova's name for what ran: `compute_pause_instance`. */
  readonly event: string
  /** What the server is from now on; a function where that depends on what it was. */
  readonly changes: Partial<Server> | ((server: Server) => Partial<Server>)
  readonly failure?: Failure | null
}

/**
 * Writes an end down: the server as it is now, idle again, and the action with what did it. A delete that waits for its
 * turn stays announced.
 */
export async function conclude(
  tx: CellTx,
  context: TaskContext<unknown>,
  { event, changes, failure = null }: Outcome,
): Promise<void> {
  const server = await lockServer(tx, context.subject)
  if (!server) return
  const task_state = server.task_state === 'deleting' ? 'deleting' : null
  const changed = typeof changes === 'function' ? changes(server) : changes
  await Promise.all([
    updateServer(tx, server.id, { ...changed, task_state }),
    finishAction(tx, server.id, context.request_id, {
      event,
      host: changed.host ?? server.host,
      start_time: context.accepted_at,
      result: failure ? 'Error' : 'Success',
      details: failure?.message ?? null,
    }),
  ])
}

/** A failure that leaves the server as no one has asked for it, for its owner to see. */
export function inError(failure: Failure): Partial<Server> {
  if (failure.kind === 'cancelled') return {}
  return {
    vm_state: 'error',
    fault: {
      code: 500,
      message: failure.message,
      created: new Date().toISOString(),
      ...(failure.details ? { details: failure.details } : {}),
    },
  }
}

/** Says in a running task what the server is in the middle of; a delete that waits is not talked over. */
export async function setTaskState(tx: CellTx, serverId: string, task_state: string): Promise<void> {
  const server = await lockServer(tx, serverId)
  if (server && server.task_state !== 'deleting') await updateServer(tx, serverId, { task_state })
}
