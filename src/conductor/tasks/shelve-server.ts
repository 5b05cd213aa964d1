import { Type as T } from '@sinclair/typebox'
import { lockServer, POWER, releaseClaims, type Server, updateServer } from '../../cells/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { none, step, type TaskContext, type TaskKind } from '../task.ts'
import { insertTask } from '../tasks.store.ts'
import { commandHost, commandIfReachable, destroyIfReachable, serverOf } from './host-command.ts'
import { conclude } from './outcome.ts'
import type { TaskPorts } from './ports.ts'
import { SNAPSHOT_DEADLINE_S, upload } from './snapshot-server.ts'

const ShelveInput = T.Object({
  /** Queued; it is deleted when nothing comes of it. */
  image_id: T.String(),
  /** Whether the guest runs again when that fails. */
  power_on: T.Boolean(),
})
type Context = TaskContext<typeof ShelveInput.static>

const SHELVE_EVENT = 'compute_shelve_instance'
const OFFLOAD_EVENT = 'compute_shelve_offload_instance'
const MARGIN_S = 60

/** Stops a server and keeps its disk as an image, from which it can come back on any host. */
export function shelveServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof ShelveInput> {
  return {
    kind: 'server.shelve',
    input: ShelveInput,
    deadline_s: SNAPSHOT_DEADLINE_S * 2,
    attempts: 1,
    steps: [
      step('stop', {
        async do(context) {
          const timeout_s = ports.shutdown_timeout_s
          const sending = { deadline_s: timeout_s + MARGIN_S }
          await commandHost(ports, context, await serverOf(cell, context), { verb: 'power_off', timeout_s }, sending)
        },
        async undo(context) {
          if (!context.input.power_on) return
          const server = await serverOf(cell, context)
          await commandIfReachable(ports, context, server, { verb: 'power_on' }, { deadline_s: MARGIN_S, undo: true })
        },
        deadline_s: ports.shutdown_timeout_s + MARGIN_S,
        patience_s: 10,
      }),
      step('upload', {
        do: (context) => upload(ports, cell, context, context.input.image_id),
        record: (tx, context) => shelved(ports, cell, tx, context),
        undo: ({ input }) => ports.snapshots.discard(input.image_id),
        deadline_s: SNAPSHOT_DEADLINE_S,
        patience_s: 60,
      }),
    ],
    failed: (tx, context, failure) =>
      conclude(tx, context, {
        event: SHELVE_EVENT,
        // Its memory went when it was stopped, so one that was paused runs now.
        changes: context.input.power_on ? { vm_state: 'active', power_state: POWER.running } : {},
        failure,
      }),
  }
}

async function shelved(ports: TaskPorts, cell: CellDb, tx: CellTx, context: Context): Promise<void> {
  const shelved = { shelved_image_id: context.input.image_id, shelved_at: new Date().toISOString() }
  await conclude(tx, context, {
    event: SHELVE_EVENT,
    changes: ({ system_metadata }): Partial<Server> => ({
      vm_state: 'shelved',
      power_state: POWER.shutdown,
      system_metadata: { ...system_metadata, ...shelved },
    }),
  })
  if (ports.shelved_offload_time_s !== 0) return
  const task = await beginOffload(tx, context.subject, context.request_id)
  if (task) context.afterCommit(() => ports.ring(cell.id, task))
}

const OFFLOAD_DEADLINE_S = 600

/** Has a shelved server leave its host. @returns the task to ring for; null where something else is done to it */
export async function beginOffload(tx: CellTx, serverId: string, request_id: string): Promise<string | null> {
  const server = await lockServer(tx, serverId)
  if (!server || server.vm_state !== 'shelved' || server.task_state !== null) return null
  await updateServer(tx, serverId, { task_state: 'shelving_offloading', generation: server.generation + 2 })
  const task = { kind: 'server.shelve-offload', subject: serverId, request_id, input: {} }
  return insertTask(tx, { ...task, deadline_s: OFFLOAD_DEADLINE_S })
}

const ONWARDS = none('what has left the host is in the image')
const Nothing = T.Object({})

/** Removes a shelved server from its host, whose share it gives back. */
export function offloadServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof Nothing> {
  return {
    kind: 'server.shelve-offload',
    input: Nothing,
    deadline_s: OFFLOAD_DEADLINE_S,
    // Half of it would be a server that is neither there nor away.
    attempts: Number.POSITIVE_INFINITY,
    steps: [
      step('destroy', {
        do: async (context) =>
          destroyIfReachable(ports, context, await serverOf(cell, context), { undo: false }),
        undo: ONWARDS,
      }),
      step('network', {
        do: ({ subject }) => ports.networks.bindHost(subject, ''),
        record: (tx, context) => offloaded(ports, cell, tx, context),
        undo: ONWARDS,
      }),
    ],
    retry: async (_tx, context) => ({ after_s: Math.min(60, 2 ** context.attempt) }),
    // Only a delete ends it before its end, and sees to the rest.
    failed: (tx, context, failure) => conclude(tx, context, { event: OFFLOAD_EVENT, changes: {}, failure }),
  }
}

async function offloaded(
  ports: TaskPorts,
  cell: CellDb,
  tx: CellTx,
  context: TaskContext<typeof Nothing.static>,
): Promise<void> {
  const changed = await releaseClaims(tx, context.subject)
  context.afterCommit(() => ports.hostsChanged(cell.id, changed))
  await conclude(tx, context, {
    event: OFFLOAD_EVENT,
    changes: { vm_state: 'shelved_offloaded', power_state: POWER.shutdown, host: null, node: null },
  })
}
