import { type Static, type TSchema, Type as T } from '@sinclair/typebox'
import { finishAction, lockServer, POWER, type Server, updateServer } from '../../cells/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { type Failure, none, step, type TaskContext, type TaskKind } from '../task.ts'
import { commandHost, type Order, serverOf } from './host-command.ts'
import type { TaskPorts } from './ports.ts'

const Nothing = T.Object({})
export const RebootInput = T.Object({ type: T.Union([T.Literal('SOFT'), T.Literal('HARD')]) })

/** A guest may take its whole grace period to stop, and the host a while to be heard. */
const MARGIN_S = 60

export function stopServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof Nothing> {
  return powerTask(ports, cell, {
    kind: 'server.stop',
    input: Nothing,
    event: 'compute_stop_instance',
    deadline_s: ports.shutdown_timeout_s + MARGIN_S,
    order: () => ({ verb: 'power_off', timeout_s: ports.shutdown_timeout_s }),
    done: { vm_state: 'stopped', power_state: POWER.shutdown },
  })
}

export function startServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof Nothing> {
  return powerTask(ports, cell, {
    kind: 'server.start',
    input: Nothing,
    event: 'compute_start_instance',
    deadline_s: MARGIN_S,
    order: () => ({ verb: 'power_on' }),
    done: { vm_state: 'active', power_state: POWER.running },
  })
}

export function rebootServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof RebootInput> {
  return powerTask(ports, cell, {
    kind: 'server.reboot',
    input: RebootInput,
    event: 'compute_reboot_instance',
    // A soft reboot that the guest ignores becomes a hard one after Nova's 120 s.
    deadline_s: 120 + MARGIN_S,
    order: (input) => ({ verb: 'reboot', type: input.type }),
    done: { vm_state: 'active', power_state: POWER.running },
  })
}

interface PowerTask<I extends TSchema> {
  readonly kind: string
  readonly input: I
  readonly event: string
  readonly deadline_s: number
  order(input: Static<I>): Order
  readonly done: Partial<Pick<Server, 'vm_state' | 'power_state'>>
}

/** One command to the host, then the new state. Nothing is taken back: the guest is in either the old or the new one. */
function powerTask<I extends TSchema>(
  ports: TaskPorts,
  cell: CellDb,
  task: PowerTask<I>,
): TaskKind<CellTx, I> {
  type Context = TaskContext<Static<I>>

  async function finish(tx: CellTx, context: Context, changes: Partial<Server>, failure: Failure | null): Promise<void> {
    const server = await lockServer(tx, context.subject)
    if (!server) return
    const task_state = server.task_state === 'deleting' ? 'deleting' : null
    await Promise.all([
      updateServer(tx, server.id, { ...changes, task_state }),
      finishAction(tx, server.id, context.request_id, {
        event: task.event,
        host: server.host,
        start_time: context.accepted_at,
        result: failure ? 'Error' : 'Success',
        details: failure?.message ?? null,
      }),
    ])
  }

  return {
    kind: task.kind,
    input: task.input,
    deadline_s: task.deadline_s * 2,
    attempts: 1,
    steps: [
      step('command', {
        do: async (context) =>
          commandHost(ports, context, await serverOf(cell, context), task.order(context.input), {
            deadline_s: task.deadline_s,
          }),
        record: (tx, context) => finish(tx, context, task.done, null),
        undo: none('a power verb that failed leaves the guest in its old or its new state, and sync reports which'),
        deadline_s: task.deadline_s,
        patience_s: 10,
      }),
    ],
    failed: (tx, context, failure) => finish(tx, context, {}, failure),
  }
}
