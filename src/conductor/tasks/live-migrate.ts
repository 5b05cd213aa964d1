import { Type as T } from '@sinclair/typebox'
import { finishAction, lockServer, type Migration, POWER, type Server, updateServer } from '../../cells/index.ts'
import { type CommandResult, LiveDisks, type LiveTarget } from '../../contracts/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { type Failure, none, step, type TaskContext, type TaskKind } from '../task.ts'
import { type Destination, planDestination } from './destination.ts'
import { BUILD_COMMAND_DEADLINE_S, commandHost, commandIfReachable, DESTROY_DEADLINE_S, serverOf } from './host-command.ts'
import { builtInstance, imageOfBuilt } from './instance.ts'
import { abandonMove, arriveAt, beginMove, endMove, moveOf } from './move.ts'
import { conclude } from './outcome.ts'
import type { TaskPorts } from './ports.ts'

const LiveInput = T.Object({
  host: T.Union([T.String(), T.Null()]),
  /** Takes the host although filters say no. */
  force: T.Boolean(),
  storage: T.Union([T.Literal('auto'), LiveDisks]),
})
type Context = TaskContext<typeof LiveInput.static>

const EVENT = 'compute_live_migration'
const CANCEL_EVENT = 'compute_live_migration_abort'
/** A large guest over a slow link. */
const MIGRATE_DEADLINE_S = 7200
const QUERY_DEADLINE_S = 30
const MARGIN_S = 60

/**
 * Moves a server while it runs. As soon as its guest has gone over, the server is at its destination whatever happens
 * next: only what comes before that is taken back.
 */
export function liveMigrate(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof LiveInput> {
  return {
    kind: 'server.live-migrate',
    input: LiveInput,
    deadline_s: MIGRATE_DEADLINE_S * 2,
    attempts: 1,
    steps: [
      step('place', {
        do: (context) => choose(ports, cell, context),
        record: (tx, context, hosts) =>
          beginMove(ports, cell, tx, context, hosts as Destination[], { status: 'preparing', task_state: 'migrating' }),
        undo: (context) => abandonMove(ports, cell, context),
      }),
      step('prepare', {
        do: (context) => prepare(ports, cell, context),
        undo: (context) => unprepare(ports, cell, context),
        deadline_s: BUILD_COMMAND_DEADLINE_S,
        patience_s: 0,
      }),
      step('migrate', {
        do: (context) => migrate(ports, cell, context),
        record: (tx, context) => goneOver(tx, context),
        undo: (context) => callOff(ports, cell, context),
        deadline_s: MIGRATE_DEADLINE_S,
        patience_s: 30,
      }),
      step('finish', {
        do: (context) => finish(ports, cell, context, context.output('migrate') as CommandResult),
        record: (tx, context, power) => ended(ports, cell, tx, context, power as number, null),
        undo: none('it only goes forward'),
        patience_s: 120,
      }),
    ],
    failed: (tx, context, failure) => ended(ports, cell, tx, context, null, failure),
  }
}

async function choose(ports: TaskPorts, cell: CellDb, context: Context): Promise<readonly Destination[]> {
  const server = await serverOf(cell, context)
  const { host, force } = context.input
  const not_on = server.host ? [server.host] : []
  return planDestination(ports, cell, server, { flavor: server.flavor, host, force, not_on })
}

/** The server, its move, and whether its guest has gone over. */
async function standOf(cell: CellDb, context: Context) {
  const [server, migration] = await Promise.all([serverOf(cell, context), moveOf(cell.sql, context)])
  return { server, migration, moved: server.host === migration.dest_compute && migration.dest_compute !== null }
}

async function instanceAt(ports: TaskPorts, server: Server) {
  return builtInstance(server, ports.instance_name_template, await imageOfBuilt(ports, server))
}

async function prepare(ports: TaskPorts, cell: CellDb, context: Context): Promise<LiveTarget> {
  const { server, migration } = await standOf(cell, context)
  const query = { query: 'disks', server_id: server.id } as const
  const { disks } = await ports.hosts.query(migration.source_compute!, query, QUERY_DEADLINE_S)
  const instance = await instanceAt(ports, server)
  const { target } = await commandHost(
    ports,
    context,
    server,
    { verb: 'live_prepare', instance, disks, storage: context.input.storage },
    { deadline_s: BUILD_COMMAND_DEADLINE_S, host: migration.dest_compute },
  )
  if (!target) throw new Problem('internal', 'The destination did not say where the guest is to go.')
  return target
}

async function unprepare(ports: TaskPorts, cell: CellDb, context: Context): Promise<void> {
  const { server, migration, moved } = await standOf(cell, context)
  if (moved || migration.dest_compute === null) return
  const options = { deadline_s: MARGIN_S, host: migration.dest_compute, undo: true }
  await orWithout(commandIfReachable(ports, context, server, { verb: 'live_rollback' }, options))
}

async function migrate(ports: TaskPorts, cell: CellDb, context: Context): Promise<CommandResult> {
  const { server, migration } = await standOf(cell, context)
  const target = context.output('prepare') as LiveTarget
  return commandHost(
    ports,
    context,
    server,
    { verb: 'live_migrate', target, storage: context.input.storage },
    { deadline_s: MIGRATE_DEADLINE_S, host: migration.source_compute },
  )
}

async function goneOver(tx: CellTx, context: Context): Promise<void> {
  const server = await lockServer(tx, context.subject)
  const migration = await moveOf(tx, context)
  if (!server || server.host === migration.dest_compute) return
  await updateServer(tx, server.id, await arriveAt(tx, migration, 'post-migrating'))
}

/**
 * Ends a migration under way. Whether that came in time its source knows: where the guest is not there any more it has
 * gone over, and that is how it stays.
 */
async function callOff(ports: TaskPorts, cell: CellDb, context: Context): Promise<void> {
  const { server, migration, moved } = await standOf(cell, context)
  if (moved) return
  const options = { deadline_s: MARGIN_S, host: migration.source_compute, undo: true }
  const reached = await orWithout(commandIfReachable(ports, context, server, { verb: 'live_abort' }, options))
  if (!reached || (await isAt(ports, server.id, migration.source_compute!))) return
  if (!(await isAt(ports, server.id, migration.dest_compute!))) return
  await cell.transaction((tx) => goneOver(tx, context))
  await finish(ports, cell, context, null)
}

async function isAt(ports: TaskPorts, server_id: string, host: string): Promise<boolean> {
  try {
    await ports.hosts.query(host, { query: 'disks', server_id }, QUERY_DEADLINE_S)
    return true
  } catch (error) {
    if (error instanceof Problem && (error.kind === 'not_found' || error.kind === 'not_implemented')) return false
    throw error
  }
}

/** A host that cannot migrate guests has nothing to take back either. */
async function orWithout(work: Promise<boolean>): Promise<boolean> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Problem && error.kind === 'not_implemented') return true
    throw error
  }
}

/** @returns Nova's number for the guest's power state. */
async function finish(ports: TaskPorts, cell: CellDb, context: Context, went: CommandResult | null): Promise<number> {
  const { server, migration } = await standOf(cell, context)
  await ports.networks.bindHost(server.id, migration.dest_compute ?? '')
  const { power_state } = await commandHost(
    ports,
    context,
    server,
    { verb: 'live_finish', instance: await instanceAt(ports, server) },
    { deadline_s: MARGIN_S, host: migration.dest_compute },
  )
  // Where nobody has said how the disks went, the source keeps its own: they may be the only ones.
  const keep_disks = went?.storage !== 'block'
  const options = { deadline_s: DESTROY_DEADLINE_S, host: migration.source_compute }
  await commandIfReachable(ports, context, server, { verb: 'destroy', keep_disks }, options)
  return POWER[power_state]
}

/** Writes down how it ended, with the request that has called it off, if one has. */
async function ended(
  ports: TaskPorts,
  cell: CellDb,
  tx: CellTx,
  context: Context,
  power_state: number | null,
  failure: Failure | null,
): Promise<void> {
  const server = await lockServer(tx, context.subject)
  const migration = await moveOf(tx, context)
  const moved = migration.dest_compute !== null && server?.host === migration.dest_compute
  await endMove(ports, cell, tx, context, migration, moved ? 'completed' : failure?.kind === 'cancelled' ? 'cancelled' : 'error')
  await conclude(tx, context, {
    event: EVENT,
    changes: { progress: 0, ...(power_state === null ? {} : { power_state }) },
    failure: moved ? null : failure,
  })
  if (migration.cancel_request_id) await noteCancel(tx, context, migration, moved)
}

async function noteCancel(tx: CellTx, context: Context, migration: Migration, moved: boolean): Promise<void> {
  await finishAction(tx, migration.server_id, migration.cancel_request_id!, {
    event: CANCEL_EVENT,
    host: migration.source_compute,
    start_time: context.accepted_at,
    result: moved ? 'Error' : 'Success',
    details: moved ? 'The server had gone over already.' : null,
  })
}

const ForceInput = T.Object({ server_id: T.String(), host: T.String() })

/** Has a live migration end soon. The task is about the migration, as the server's own goes on meanwhile. */
export function forceComplete(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof ForceInput> {
  const note = (tx: CellTx, { input, ...context }: TaskContext<typeof ForceInput.static>, failure: Failure | null) =>
    finishAction(tx, input.server_id, context.request_id, {
      event: 'compute_live_migration_force_complete',
      host: input.host,
      start_time: context.accepted_at,
      result: failure ? 'Error' : 'Success',
      details: failure?.message ?? null,
    })
  return {
    kind: 'server.force-complete',
    input: ForceInput,
    deadline_s: 120,
    attempts: 1,
    steps: [
      step('command', {
        async do(context) {
          const { server_id, host } = context.input
          const server = await serverOf(cell, { ...context, subject: server_id })
          await commandHost(ports, context, server, { verb: 'live_force_complete' }, { deadline_s: MARGIN_S, host })
        },
        record: (tx, context) => note(tx, context, null),
        undo: none('it only goes forward'),
        deadline_s: MARGIN_S,
        patience_s: 10,
      }),
    ],
    failed: (tx, context, failure) => note(tx, context, failure),
  }
}
