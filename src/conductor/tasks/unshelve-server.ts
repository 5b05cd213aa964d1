import { Type as T } from '@sinclair/typebox'
import { lockServer, POWER, releaseClaims, type Server, updateServer } from '../../cells/index.ts'
import type { CommandResult } from '../../contracts/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { none, step, type TaskContext, type TaskKind } from '../task.ts'
import { insertTask } from '../tasks.store.ts'
import { claimDestination, type Destination, planDestination } from './destination.ts'
import { BUILD_COMMAND_DEADLINE_S, commandHost, destroyIfReachable, serverOf } from './host-command.ts'
import { builtInstance } from './instance.ts'
import { conclude } from './outcome.ts'
import type { TaskPorts } from './ports.ts'

const UnshelveInput = T.Object({
  /** Wanted, if it passes the filters. */
  host: T.Union([T.String(), T.Null()]),
})
type Context = TaskContext<typeof UnshelveInput.static>

const EVENT = 'compute_unshelve_instance'

/** Brings a shelved server back: where it is still on its host it is started, else built from its image on any host. */
export function unshelveServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof UnshelveInput> {
  return {
    kind: 'server.unshelve',
    input: UnshelveInput,
    deadline_s: 3600,
    attempts: 1,
    steps: [
      step('place', {
        do: (context) => choose(ports, cell, context),
        record: (tx, context, hosts) => place(ports, cell, tx, context, hosts as readonly Destination[] | null),
        undo: (context) => unplace(ports, cell, context),
      }),
      step('network', {
        do: async (context) => bind(ports, await serverOf(cell, context)),
        async undo(context) {
          if (isOffloaded(await serverOf(cell, context))) await ports.networks.bindHost(context.subject, '')
        },
      }),
      step('start', {
        do: (context) => start(ports, cell, context),
        record: (tx, context, result) => started(ports, cell, tx, context, result as CommandResult),
        async undo(context) {
          const server = await serverOf(cell, context)
          if (isOffloaded(server)) await destroyIfReachable(ports, context, server, { undo: true })
        },
        deadline_s: BUILD_COMMAND_DEADLINE_S,
        patience_s: 10,
      }),
    ],
    failed: (tx, context, failure) => conclude(tx, context, { event: EVENT, changes: {}, failure }),
  }
}

/** So until the end, wherever it is being brought to. */
const isOffloaded = ({ vm_state }: Server): boolean => vm_state === 'shelved_offloaded'

async function choose(ports: TaskPorts, cell: CellDb, context: Context): Promise<readonly Destination[] | null> {
  const server = await serverOf(cell, context)
  if (!isOffloaded(server)) return null
  return planDestination(ports, cell, server, { flavor: server.flavor, host: context.input.host, not_on: [] })
}

async function place(
  ports: TaskPorts,
  cell: CellDb,
  tx: CellTx,
  context: Context,
  hosts: readonly Destination[] | null,
): Promise<void> {
  const server = await lockServer(tx, context.subject)
  if (!server || !hosts) return
  const taken = await claimDestination(ports, tx, server, hosts, { flavor: server.flavor, held_for: 'server' })
  await updateServer(tx, server.id, {
    host: taken.host,
    node: taken.node,
    ...(server.task_state === 'deleting' ? {} : { task_state: 'spawning' }),
  })
  context.afterCommit(() => ports.hostsChanged(cell.id, [taken.host_id]))
}

async function unplace(ports: TaskPorts, cell: CellDb, context: Context): Promise<void> {
  const changed = await cell.transaction(async (tx) => {
    const server = await lockServer(tx, context.subject)
    if (!server || !isOffloaded(server)) return []
    await updateServer(tx, server.id, { host: null, node: null })
    return releaseClaims(tx, server.id)
  })
  ports.hostsChanged(cell.id, changed)
}

async function bind(ports: TaskPorts, { id, host }: Server): Promise<void> {
  if (host !== null) await ports.networks.bindHost(id, host)
}

async function start(ports: TaskPorts, cell: CellDb, context: Context): Promise<CommandResult> {
  const server = await serverOf(cell, context)
  const sending = { deadline_s: BUILD_COMMAND_DEADLINE_S }
  if (!isOffloaded(server)) return commandHost(ports, context, server, { verb: 'power_on' }, sending)
  const image_id = server.system_metadata?.shelved_image_id
  if (image_id === undefined) throw new Problem('internal', 'The image of the shelved server is not known any more.')
  const image = await ports.images.imageSource(image_id)
  const instance = builtInstance(server, ports.instance_name_template, image)
  return commandHost(ports, context, server, { verb: 'spawn', instance }, sending)
}

const DISCARD_DEADLINE_S = 3600

async function started(
  ports: TaskPorts,
  cell: CellDb,
  tx: CellTx,
  context: Context,
  { power_state }: CommandResult,
): Promise<void> {
  const server = await lockServer(tx, context.subject)
  const { shelved_image_id, shelved_at: _, ...system_metadata } = server?.system_metadata ?? {}
  await conclude(tx, context, {
    event: EVENT,
    changes: { vm_state: 'active', power_state: POWER[power_state], launched_at: new Date(), system_metadata },
  })
  if (shelved_image_id === undefined) return
  // From here on nothing may take the server back, so its image goes by a task of its own.
  const { request_id } = context
  const discard = { kind: 'image.discard', subject: shelved_image_id, request_id, input: {} }
  const task = await insertTask(tx, { ...discard, deadline_s: DISCARD_DEADLINE_S })
  context.afterCommit(() => ports.ring(cell.id, task))
}

const Nothing = T.Object({})

/** Deletes an image that no server needs any more; the task is about the image. */
export function discardImage(ports: TaskPorts): TaskKind<CellTx, typeof Nothing> {
  return {
    kind: 'image.discard',
    input: Nothing,
    deadline_s: DISCARD_DEADLINE_S,
    attempts: Number.POSITIVE_INFINITY,
    steps: [
      step('discard', { do: ({ subject }) => ports.snapshots.discard(subject), undo: none('it is gone or will be') }),
    ],
    retry: async (_tx, context) => ({ after_s: Math.min(60, 2 ** context.attempt) }),
    failed: async () => {},
  }
}
