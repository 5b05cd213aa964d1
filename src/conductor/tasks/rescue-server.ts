import { Type as T } from '@sinclair/typebox'
import { POWER } from '../../cells/index.ts'
import type { CommandResult } from '../../contracts/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { none, step, type TaskContext, type TaskKind } from '../task.ts'
import { BUILD_COMMAND_DEADLINE_S, commandHost, serverOf } from './host-command.ts'
import { builtInstance, imageOfBuilt } from './instance.ts'
import { conclude, inError } from './outcome.ts'
import type { TaskPorts } from './ports.ts'

const RescueInput = T.Object({ image_id: T.String(), admin_password: T.String() })
type Context = TaskContext<typeof RescueInput.static>

const EVENT = 'compute_rescue_instance'

/** Boots a server from another image, with its own root disk as the second one. */
export function rescueServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof RescueInput> {
  return {
    kind: 'server.rescue',
    input: RescueInput,
    deadline_s: 3600,
    attempts: 1,
    steps: [
      step('rescue', {
        do: (context) => rescue(ports, cell, context),
        record: (tx, context, result) =>
          conclude(tx, context, {
            event: EVENT,
            changes: {
              vm_state: 'rescued',
              power_state: POWER[(result as CommandResult).power_state],
              launched_at: new Date(),
              fault: null,
            },
          }),
        undo: none('a rescue that failed leaves the guest off, with all it had'),
        deadline_s: BUILD_COMMAND_DEADLINE_S,
        patience_s: 60,
      }),
    ],
    failed: (tx, context, failure) => conclude(tx, context, { event: EVENT, changes: inError(failure), failure }),
  }
}

async function rescue(ports: TaskPorts, cell: CellDb, context: Context): Promise<CommandResult> {
  const server = await serverOf(cell, context)
  const [own, image] = await Promise.all([imageOfBuilt(ports, server), ports.images.imageSource(context.input.image_id)])
  const { admin_password } = context.input
  const instance = builtInstance(server, ports.instance_name_template, own, { admin_password })
  return commandHost(
    ports,
    context,
    server,
    { verb: 'rescue', instance, image },
    { deadline_s: BUILD_COMMAND_DEADLINE_S },
  )
}
