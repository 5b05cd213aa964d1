import { Type as T } from '@sinclair/typebox'
import { POWER } from '../../cells/index.ts'
import type { CommandResult } from '../../contracts/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { none, step, type TaskContext, type TaskKind } from '../task.ts'
import { BUILD_COMMAND_DEADLINE_S, commandHost, serverOf } from './host-command.ts'
import { bootImages, builtInstance, imageOf } from './instance.ts'
import { conclude, inError, setTaskState } from './outcome.ts'
import type { TaskPorts } from './ports.ts'

const RebuildInput = T.Object({
  preserve_ephemeral: T.Boolean(),
  admin_password: T.String(),
  personality: T.Array(T.Object({ path: T.String(), contents: T.String() })),
  /** A server that was off stays so. */
  power_on: T.Boolean(),
})
type Context = TaskContext<typeof RebuildInput.static>

const EVENT = 'compute_rebuild_instance'

/** Makes a server's disks anew where it is; its row names the image already. */
export function rebuildServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof RebuildInput> {
  return {
    kind: 'server.rebuild',
    input: RebuildInput,
    deadline_s: 3600,
    attempts: 1,
    steps: [
      step('announce', {
        record: (tx, context) => setTaskState(tx, context.subject, 'rebuild_spawning'),
        undo: none('a word about what is going on'),
      }),
      step('rebuild', {
        do: (context) => rebuild(ports, cell, context),
        record: (tx, context, result) =>
          conclude(tx, context, {
            event: EVENT,
            changes: {
              vm_state: context.input.power_on ? 'active' : 'stopped',
              power_state: POWER[(result as CommandResult).power_state],
              launched_at: new Date(),
              fault: null,
            },
          }),
        undo: none('what was on the disks is gone; the guest can be rebuilt again'),
        deadline_s: BUILD_COMMAND_DEADLINE_S,
        patience_s: 60,
      }),
    ],
    failed: (tx, context, failure) => conclude(tx, context, { event: EVENT, changes: inError(failure), failure }),
  }
}

async function rebuild(ports: TaskPorts, cell: CellDb, context: Context): Promise<CommandResult> {
  const { preserve_ephemeral, power_on, admin_password, personality } = context.input
  const server = await serverOf(cell, context)
  const image = await imageOf(ports, server)
  const instance = builtInstance(server, ports.instance_name_template, image, {
    ...(await bootImages(ports, server)),
    admin_password,
    personality,
  })
  return commandHost(
    ports,
    context,
    server,
    { verb: 'rebuild', instance, preserve_ephemeral, power_on },
    { deadline_s: BUILD_COMMAND_DEADLINE_S },
  )
}
