import { Type as T } from '@sinclair/typebox'
import { lastMigration, type Migration, type MigrationStatus, POWER, type Server, swapClaims, updateMigration } from '../../cells/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { step, type TaskContext, type TaskKind } from '../task.ts'
import { BUILD_COMMAND_DEADLINE_S, commandHost, commandIfReachable, serverOf } from './host-command.ts'
import { builtInstance, imageOfBuilt } from './instance.ts'
import { endMove, onOneHost } from './move.ts'
import { conclude, inError } from './outcome.ts'
import type { TaskPorts } from './ports.ts'
import { FORWARD_ONLY } from './resize-server.ts'
import { settleQuota } from './settle-quota.ts'

const Nothing = T.Object({})
type Context = TaskContext<typeof Nothing.static>

const CONFIRM_EVENT = 'compute_confirm_resize'
const REVERT_EVENT = 'compute_finish_revert_resize'
const MARGIN_S = 60

/** The server stays what it has become: what its old host has kept is removed. */
export function confirmResize(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof Nothing> {
  return {
    kind: 'server.confirm-resize',
    input: Nothing,
    deadline_s: 600,
    attempts: 1,
    steps: [
      step('release', {
        do: (context) => forgetAtSource(ports, cell, context),
        record: (tx, context) => confirmed(ports, cell, tx, context),
        undo: FORWARD_ONLY,
        deadline_s: MARGIN_S,
        patience_s: 120,
      }),
      step('quota', { do: ({ subject }) => settleQuota(ports, cell, subject), undo: FORWARD_ONLY }),
    ],
    async failed(tx, context, failure) {
      const migration = await lastMigration(tx, context.subject, ['confirming'])
      if (migration) await updateMigration(tx, migration.id, { status: 'finished' })
      await conclude(tx, context, { event: CONFIRM_EVENT, changes: {}, failure })
    },
  }
}

async function decided(db: CellTx | CellDb['sql'], context: Context, status: MigrationStatus): Promise<Migration> {
  const migration = await lastMigration(db, context.subject, [status])
  if (!migration) throw new Problem('internal', 'The migration is not known any more.')
  return migration
}

async function forgetAtSource(ports: TaskPorts, cell: CellDb, context: Context): Promise<void> {
  const server = await serverOf(cell, context)
  const { source_compute: host } = await decided(cell.sql, context, 'confirming')
  await commandHost(ports, context, server, { verb: 'confirm_migration' }, { deadline_s: MARGIN_S, host })
}

async function confirmed(ports: TaskPorts, cell: CellDb, tx: CellTx, context: Context): Promise<void> {
  const migration = await decided(tx, context, 'confirming')
  await endMove(ports, cell, tx, context, migration, 'confirmed')
  await conclude(tx, context, {
    event: CONFIRM_EVENT,
    changes: ({ power_state }): Partial<Server> => ({
      vm_state: power_state === POWER.shutdown ? 'stopped' : 'active',
    }),
  })
}

/** The server becomes again what it was, with what its old host has kept; what it has written since is gone. */
export function revertResize(ports: TaskPorts, cell: CellDb): TaskKind<CellTx, typeof Nothing> {
  return {
    kind: 'server.revert-resize',
    input: Nothing,
    deadline_s: BUILD_COMMAND_DEADLINE_S * 2,
    attempts: 1,
    steps: [
      step('leave', {
        do: (context) => destroyAtDestination(ports, cell, context),
        undo: FORWARD_ONLY,
        deadline_s: MARGIN_S * 2,
        patience_s: 0,
      }),
      step('network', {
        async do(context) {
          const { source_compute } = await decided(cell.sql, context, 'reverting')
          await ports.networks.bindHost(context.subject, source_compute ?? '')
        },
        undo: FORWARD_ONLY,
      }),
      step('return', {
        do: (context) => putBack(ports, cell, context),
        record: (tx, context, power) => reverted(ports, cell, tx, context, power as number),
        undo: FORWARD_ONLY,
        deadline_s: BUILD_COMMAND_DEADLINE_S,
        patience_s: 300,
      }),
      step('quota', { do: ({ subject }) => settleQuota(ports, cell, subject), undo: FORWARD_ONLY }),
    ],
    async failed(tx, context, failure) {
      const migration = await lastMigration(tx, context.subject, ['reverting'])
      if (migration) await updateMigration(tx, migration.id, { status: 'error' })
      await conclude(tx, context, { event: REVERT_EVENT, changes: migration ? inError(failure) : {}, failure })
    },
  }
}

async function destroyAtDestination(ports: TaskPorts, cell: CellDb, context: Context): Promise<void> {
  const server = await serverOf(cell, context)
  const migration = await decided(cell.sql, context, 'reverting')
  if (onOneHost(migration)) return
  const options = { deadline_s: MARGIN_S, host: migration.dest_compute }
  await commandIfReachable(ports, context, server, { verb: 'destroy' }, options)
}

/** @returns Nova's number for the guest's power state. */
async function putBack(ports: TaskPorts, cell: CellDb, context: Context): Promise<number> {
  const server = await serverOf(cell, context)
  const { source_compute: host, power_on, old_flavor } = await decided(cell.sql, context, 'reverting')
  const image = await imageOfBuilt(ports, server)
  const instance = builtInstance({ ...server, flavor: old_flavor }, ports.instance_name_template, image)
  const { power_state } = await commandHost(
    ports,
    context,
    server,
    { verb: 'revert_migration', instance, power_on },
    { deadline_s: BUILD_COMMAND_DEADLINE_S, host },
  )
  return POWER[power_state]
}

async function reverted(ports: TaskPorts, cell: CellDb, tx: CellTx, context: Context, power: number): Promise<void> {
  const migration = await decided(tx, context, 'reverting')
  const { old_flavor: flavor, power_on } = migration
  // The share of the old host is the server's own again, that of the other one goes with the move.
  await swapClaims(tx, migration.server_id)
  await endMove(ports, cell, tx, context, migration, 'reverted')
  await conclude(tx, context, {
    event: REVERT_EVENT,
    changes: {
      host: migration.source_compute,
      node: migration.source_node,
      flavor,
      flavor_id: flavor.id,
      vm_state: power_on ? 'active' : 'stopped',
      power_state: power,
      launched_at: new Date(),
    },
  })
}
