import { type Static, type TSchema, Type as T } from '@sinclair/typebox'
import { POWER, type Server } from '../../cells/index.ts'
import type { CommandResult } from '../../contracts/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { type Failure, none, step, type TaskKind } from '../task.ts'
import { commandHost, type Order, serverOf } from './host-command.ts'
import { conclude, inError } from './outcome.ts'
import type { TaskPorts } from './ports.ts'

const Nothing = T.Object({})
export const RebootInput = T.Object({ type: T.Union([T.Literal('SOFT'), T.Literal('HARD')]) })

/** A guest may take its whole grace period to stop, and the host a while to be heard. */
const MARGIN_S = 60
/** A guest's memory may have to go to disk or come from there. */
const MEMORY_DEADLINE_S = 600

/** Operations that are one command to the server's host, and what the server is when that is done. */
export function powerTasks(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, TSchema>[] {
  const task = <I extends TSchema>(row: OneCommand<I>) => oneCommand(ports, cell, row) as unknown as TaskKind<CellTx, TSchema>
  return [
    task({
      kind: 'server.stop',
      input: Nothing,
      event: 'compute_stop_instance',
      deadline_s: ports.shutdown_timeout_s + MARGIN_S,
      order: () => ({ verb: 'power_off', timeout_s: ports.shutdown_timeout_s }),
      done: { vm_state: 'stopped' },
    }),
    task({
      kind: 'server.start',
      input: Nothing,
      event: 'compute_start_instance',
      deadline_s: MARGIN_S,
      order: () => ({ verb: 'power_on' }),
      done: { vm_state: 'active' },
    }),
    task({
      kind: 'server.reboot',
      input: RebootInput,
      event: 'compute_reboot_instance',
      // A soft reboot that the guest ignores becomes a hard one after Nova's 120 s.
      deadline_s: 120 + MARGIN_S,
      order: (input) => ({ verb: 'reboot', type: input.type }),
      done: { vm_state: 'active' },
    }),
    task({
      kind: 'server.pause',
      input: Nothing,
      event: 'compute_pause_instance',
      deadline_s: MARGIN_S,
      order: () => ({ verb: 'pause' }),
      done: { vm_state: 'paused' },
    }),
    task({
      kind: 'server.unpause',
      input: Nothing,
      event: 'compute_unpause_instance',
      deadline_s: MARGIN_S,
      order: () => ({ verb: 'unpause' }),
      done: { vm_state: 'active' },
    }),
    task({
      kind: 'server.suspend',
      input: Nothing,
      event: 'compute_suspend_instance',
      deadline_s: MEMORY_DEADLINE_S,
      order: () => ({ verb: 'suspend' }),
      done: { vm_state: 'suspended' },
    }),
    task({
      kind: 'server.resume',
      input: Nothing,
      event: 'compute_resume_instance',
      deadline_s: MEMORY_DEADLINE_S,
      order: () => ({ verb: 'resume' }),
      done: { vm_state: 'active' },
    }),
    task({
      kind: 'server.unrescue',
      input: Nothing,
      event: 'compute_unrescue_instance',
      deadline_s: 120 + MARGIN_S,
      order: () => ({ verb: 'unrescue' }),
      done: { vm_state: 'active' },
      failed: inError,
    }),
    task({
      kind: 'server.change-password',
      input: T.Object({ admin_password: T.String() }),
      event: 'compute_set_admin_password',
      deadline_s: MARGIN_S,
      order: ({ admin_password }) => ({ verb: 'change_password', admin_password }),
      done: {},
      // What the guest's agent does not know it has not done half.
      failed: (failure) => (failure.kind === 'not_implemented' ? {} : inError(failure)),
    }),
    task({
      kind: 'server.crash-dump',
      input: Nothing,
      event: 'compute_trigger_crash_dump',
      deadline_s: MARGIN_S,
      order: () => ({ verb: 'crash_dump' }),
      done: {},
    }),
    task({
      kind: 'server.soft-delete',
      input: Nothing,
      event: 'compute_soft_delete_instance',
      deadline_s: ports.shutdown_timeout_s + MARGIN_S,
      order: () => ({ verb: 'power_off', timeout_s: 0 }),
      done: { vm_state: 'soft-delete' },
      failed: inError,
    }),
    task({
      kind: 'server.restore',
      input: Nothing,
      event: 'compute_restore_instance',
      deadline_s: MARGIN_S,
      order: () => ({ verb: 'power_on' }),
      done: { vm_state: 'active' },
      failed: inError,
    }),
  ]
}

interface OneCommand<I extends TSchema> {
  readonly kind: string
  readonly input: I
  readonly event: string
  readonly deadline_s: number
  order(input: Static<I>): Order
  readonly done: Partial<Pick<Server, 'vm_state'>>
  /** What the server is when the command failed; absent: what it was. */
  failed?(failure: Failure): Partial<Server>
}

/** Nothing is taken back: the guest is in either the old or the new state. */
function oneCommand<I extends TSchema>(ports: TaskPorts, cell: CellDb, row: OneCommand<I>): TaskKind<CellTx, I> {
  const { event, deadline_s } = row
  return {
    kind: row.kind,
    input: row.input,
    deadline_s: deadline_s * 2,
    attempts: 1,
    steps: [
      step('command', {
        do: async (context) =>
          commandHost(ports, context, await serverOf(cell, context), row.order(context.input), { deadline_s }),
        record: (tx, context, result) =>
          conclude(tx, context, {
            event,
            changes: { ...row.done, power_state: POWER[(result as CommandResult).power_state] },
          }),
        undo: none('a power verb that failed leaves the guest in its old or its new state, and sync reports which'),
        deadline_s,
        patience_s: 10,
      }),
    ],
    failed: (tx, context, failure) =>
      conclude(tx, context, { event, changes: row.failed?.(failure) ?? {}, failure }),
  }
}
