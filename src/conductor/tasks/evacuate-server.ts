import { Type as T } from '@sinclair/typebox'
import { POWER, updateMigration } from '../../cells/index.ts'
import type { CommandResult } from '../../contracts/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { type Failure, step, type TaskContext, type TaskKind } from '../task.ts'
import { type Destination, planDestination } from './destination.ts'
import { BUILD_COMMAND_DEADLINE_S, commandHost, commandIfReachable, DESTROY_DEADLINE_S, serverOf } from './host-command.ts'
import { builtInstance, imageOf } from './instance.ts'
import { abandonMove, arriveAt, beginMove, endMove, moveOf } from './move.ts'
import { conclude, inError } from './outcome.ts'
import type { TaskPorts } from './ports.ts'

const EvacuateInput = T.Object({
  host: T.Union([T.String(), T.Null()]),
  /** Takes the host although filters say no. */
  force: T.Boolean(),
  admin_password: T.String(),
  power_on: T.Boolean(),
})
type Context = TaskContext<typeof EvacuateInput.static>

const EVENT = 'compute_rebuild_instance'

/**
 * Makes a server anew on another host after its own has failed: with its disks where hosts share them, from its image
 * else. When the host comes back, it is told to remove what it has of the server.
 */
export function evacuateServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof EvacuateInput> {
  return {
    kind: 'server.evacuate',
    input: EvacuateInput,
    deadline_s: 3600,
    attempts: 1,
    steps: [
      step('place', {
        do: (context) => choose(ports, cell, context),
        record: (tx, context, hosts) =>
          beginMove(ports, cell, tx, context, hosts as Destination[], {
            status: 'pre-migrating',
            task_state: 'rebuild_spawning',
          }),
        undo: (context) => abandonMove(ports, cell, context),
      }),
      step('network', {
        do: async (context) => bind(ports, context, (await moveOf(cell.sql, context)).dest_compute),
        undo: async (context) => bind(ports, context, (await moveOf(cell.sql, context)).source_compute),
      }),
      step('spawn', {
        do: (context) => spawn(ports, cell, context),
        record: (tx, context, result) => evacuated(ports, cell, tx, context, result as CommandResult),
        undo: (context) => leaveNothing(ports, cell, context),
        deadline_s: BUILD_COMMAND_DEADLINE_S,
        patience_s: 60,
      }),
    ],
    failed: (tx, context, failure) => giveUp(tx, context, failure),
  }
}

async function choose(ports: TaskPorts, cell: CellDb, context: Context): Promise<readonly Destination[]> {
  const server = await serverOf(cell, context)
  const { host, force } = context.input
  return planDestination(ports, cell, server, {
    flavor: server.flavor,
    host,
    force,
    not_on: server.host ? [server.host] : [],
  })
}

async function bind(ports: TaskPorts, { subject }: Context, host: string | null): Promise<void> {
  if (host !== null) await ports.networks.bindHost(subject, host)
}

async function spawn(ports: TaskPorts, cell: CellDb, context: Context): Promise<CommandResult> {
  const [server, { dest_compute: host }] = await Promise.all([serverOf(cell, context), moveOf(cell.sql, context)])
  const { admin_password, power_on } = context.input
  const image = await imageOf(ports, server)
  const instance = builtInstance(server, ports.instance_name_template, image, { admin_password })
  return commandHost(
    ports,
    context,
    server,
    { verb: 'spawn', instance, power_on, reuse_disks: true },
    { deadline_s: BUILD_COMMAND_DEADLINE_S, host },
  )
}

async function evacuated(
  ports: TaskPorts,
  cell: CellDb,
  tx: CellTx,
  context: Context,
  { power_state }: CommandResult,
): Promise<void> {
  const migration = await moveOf(tx, context)
  const arrived = await arriveAt(tx, migration, 'done')
  await endMove(ports, cell, tx, context, migration, 'done')
  await conclude(tx, context, {
    event: EVENT,
    changes: {
      ...arrived,
      vm_state: context.input.power_on ? 'active' : 'stopped',
      power_state: POWER[power_state],
      launched_at: new Date(),
      fault: null,
    },
  })
}

/** The disks stay: on storage that hosts share they are the only ones that the server has. */
async function leaveNothing(ports: TaskPorts, cell: CellDb, context: Context): Promise<void> {
  const [server, { dest_compute: host }] = await Promise.all([serverOf(cell, context), moveOf(cell.sql, context)])
  if (host === null) return
  const options = { deadline_s: DESTROY_DEADLINE_S, host, undo: true }
  await commandIfReachable(ports, context, server, { verb: 'destroy', keep_disks: true }, options)
}

async function giveUp(tx: CellTx, context: Context, failure: Failure): Promise<void> {
  const { id } = await moveOf(tx, context)
  await updateMigration(tx, id, { status: 'error' })
  // Where there was no host, nothing has been tried: it can be asked for again.
  const changes = failure.kind === 'no_valid_host' ? {} : inError(failure)
  await conclude(tx, context, { event: EVENT, changes, failure })
}
