import { Type as T } from '@sinclair/typebox'
import { type Migration, POWER, type Server, updateMigration } from '../../cells/index.ts'
import type { CommandResult, DiskOffer } from '../../contracts/index.ts'
import { newId, Problem } from '../../kernel/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { type Failure, none, step, type TaskContext, type TaskKind } from '../task.ts'
import { type Destination, planDestination } from './destination.ts'
import { BUILD_COMMAND_DEADLINE_S, commandHost, commandIfReachable, serverOf } from './host-command.ts'
import { bootImages, builtInstance, imageOfBuilt } from './instance.ts'
import { abandonMove, arriveAt, beginMove, moveOf, onOneHost } from './move.ts'
import { conclude, inError, setTaskState } from './outcome.ts'
import type { TaskPorts } from './ports.ts'
import { settleQuota } from './settle-quota.ts'

export const ResizeInput = T.Object({
  /** Wanted, if it passes the filters. */
  host: T.Union([T.String(), T.Null()]),
  /** `[DEFAULT] allow_resize_to_same_host`; a cold migration never stays. */
  may_stay: T.Boolean(),
})
type Context = TaskContext<typeof ResizeInput.static>

const EVENT = 'compute_finish_resize'
/** A large disk over a slow link. */
const TRANSFER_DEADLINE_S = 7200
const MARGIN_S = 60

/**
 * Moves a server that may be stopped for it to another host or another flavor. Afterwards it waits for somebody to
 * confirm or revert that: until then both hosts keep its disks and both shares are its own.
 */
export function resizeServer(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof ResizeInput> {
  return {
    kind: 'server.resize',
    input: ResizeInput,
    deadline_s: TRANSFER_DEADLINE_S * 2,
    attempts: 1,
    steps: [
      step('place', {
        do: (context) => choose(ports, cell, context),
        record: (tx, context, hosts) =>
          beginMove(ports, cell, tx, context, hosts as Destination[], {
            status: 'migrating',
            task_state: 'resize_migrating',
          }),
        undo: (context) => abandonMove(ports, cell, context),
      }),
      step('leave', {
        do: (context) => leave(ports, cell, context),
        record: (tx, context) => noteLeft(tx, context),
        undo: (context) => putBack(ports, cell, context),
        deadline_s: ports.shutdown_timeout_s + MARGIN_S,
        patience_s: 60,
      }),
      step('network', {
        do: async (context) => bind(ports, context, (await moveOf(cell.sql, context)).dest_compute),
        record: (tx, context) => setTaskState(tx, context.subject, 'resize_finish'),
        undo: async (context) => bind(ports, context, (await moveOf(cell.sql, context)).source_compute),
      }),
      step('arrive', {
        do: (context) => arrive(ports, cell, context),
        record: (tx, context, result) => finish(tx, context, result as CommandResult),
        undo: (context) => leaveNothing(ports, cell, context),
        deadline_s: TRANSFER_DEADLINE_S,
        patience_s: 60,
      }),
    ],
    failed: (tx, context, failure) => giveUp(tx, context, failure, () => settleQuota(ports, cell, context.subject)),
  }
}

async function choose(ports: TaskPorts, cell: CellDb, context: Context): Promise<readonly Destination[]> {
  const server = await serverOf(cell, context)
  const { new_flavor: flavor } = await moveOf(cell.sql, context)
  const { host, may_stay } = context.input
  return planDestination(ports, cell, server, { flavor, host, not_on: may_stay || !server.host ? [] : [server.host] })
}

async function leave(ports: TaskPorts, cell: CellDb, context: Context, purpose = 'migrate_out'): Promise<DiskOffer> {
  const [server, { source_compute: host }] = await Promise.all([serverOf(cell, context), moveOf(cell.sql, context)])
  const { offer } = await commandHost(
    ports,
    context,
    server,
    { verb: 'migrate_out', timeout_s: ports.shutdown_timeout_s },
    { deadline_s: ports.shutdown_timeout_s + MARGIN_S, host, purpose },
  )
  if (!offer) throw new Problem('internal', 'The host did not say how the disks can be fetched.')
  return offer
}

async function noteLeft(tx: CellTx, context: Context): Promise<void> {
  const { id } = await moveOf(tx, context)
  await updateMigration(tx, id, { status: 'post-migrating' })
  await setTaskState(tx, context.subject, 'resize_migrated')
}

/** The guest as it was, on its host; where that cannot be reached, the server's owner must know. */
async function putBack(ports: TaskPorts, cell: CellDb, context: Context): Promise<void> {
  const [server, migration] = await Promise.all([serverOf(cell, context), moveOf(cell.sql, context)])
  const { source_compute: host, power_on, old_flavor } = migration
  const image = await imageOfBuilt(ports, server)
  const instance = builtInstance({ ...server, flavor: old_flavor }, ports.instance_name_template, image)
  const reached = await commandIfReachable(
    ports,
    context,
    server,
    { verb: 'revert_migration', instance, power_on },
    { deadline_s: BUILD_COMMAND_DEADLINE_S, host, undo: true },
  )
  if (reached) return
  const message = 'The host failed while the server was about to leave it; its disks are there.'
  await cell.transaction(async (tx) => {
    await tx`
      update servers set vm_state = 'error', fault = ${tx.json(faultOf(message) as never)}
      where id = ${server.id} and deleted_at is null`
  })
}

const faultOf = (message: string): Server['fault'] => inError({ kind: 'unavailable', message }).fault ?? null

async function bind(ports: TaskPorts, context: Context, host: string | null): Promise<void> {
  if (host !== null) await ports.networks.bindHost(context.subject, host)
}

async function arrive(ports: TaskPorts, cell: CellDb, context: Context): Promise<CommandResult> {
  const [server, migration] = await Promise.all([serverOf(cell, context), moveOf(cell.sql, context)])
  const { dest_compute: host, new_flavor, power_on } = migration
  const image = await imageOfBuilt(ports, server)
  const kernel = await bootImages(ports, server)
  const instance = builtInstance({ ...server, flavor: new_flavor }, ports.instance_name_template, image, kernel)
  const source = onOneHost(migration) ? null : await offerOf(ports, cell, context)
  return commandHost(
    ports,
    context,
    server,
    { verb: 'migrate_in', instance, source, power_on },
    { deadline_s: TRANSFER_DEADLINE_S, host },
  )
}

/** What the source has offered, or offers now: it may have been restarted in between. */
async function offerOf(ports: TaskPorts, cell: CellDb, context: Context): Promise<DiskOffer> {
  return context.again
    ? leave(ports, cell, context, `migrate_out ${newId()}`)
    : (context.output('leave') as DiskOffer)
}

async function finish(tx: CellTx, context: Context, result: CommandResult): Promise<void> {
  const migration = await moveOf(tx, context)
  const { new_flavor: flavor } = migration
  await conclude(tx, context, {
    event: EVENT,
    changes: {
      ...(await arriveAt(tx, migration, 'finished')),
      flavor,
      flavor_id: flavor.id,
      vm_state: 'resized',
      power_state: POWER[result.power_state],
      launched_at: new Date(),
      progress: 0,
    },
  })
}

async function leaveNothing(ports: TaskPorts, cell: CellDb, context: Context): Promise<void> {
  const [server, migration] = await Promise.all([serverOf(cell, context), moveOf(cell.sql, context)])
  // On one host a destroy would take what is set aside as well: putting that back removes the new guest.
  if (onOneHost(migration) || migration.dest_compute === null) return
  const options = { deadline_s: MARGIN_S, host: migration.dest_compute, undo: true }
  await commandIfReachable(ports, context, server, { verb: 'destroy' }, options)
}

async function giveUp(tx: CellTx, context: Context, failure: Failure, settle: () => Promise<void>): Promise<void> {
  const migration: Migration = await moveOf(tx, context)
  await updateMigration(tx, migration.id, { status: 'error' })
  // All has been taken back by now, so the server is what it was: only its log says that it has not moved.
  await conclude(tx, context, { event: EVENT, changes: {}, failure })
  context.afterCommit(() => void settle().catch((err) => context.log.warn({ err }, 'quota is settled later')))
}

/** For tasks that begin where a resize has ended. */
export const FORWARD_ONLY = none('a resize that is decided only goes forward')
