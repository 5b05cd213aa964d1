import {
  lockServer,
  type Migration,
  migrationOf,
  type MigrationStatus,
  releaseClaims,
  type Server,
  swapClaims,
  updateMigration,
  updateServer,
} from '../../cells/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import type { TaskContext } from '../task.ts'
import { claimDestination, type Destination } from './destination.ts'
import type { TaskPorts } from './ports.ts'

/** The move that a task is about: the one that its request has begun. */
export async function moveOf(db: CellTx | CellDb['sql'], context: TaskContext<unknown>): Promise<Migration> {
  const migration = await migrationOf(db, context.subject, context.request_id)
  if (!migration) throw new Problem('internal', 'The migration is not known any more.')
  return migration
}

/** Takes a share of a host for the move, and says in the move's record which one it is. */
export async function beginMove(
  ports: TaskPorts,
  cell: CellDb,
  tx: CellTx,
  context: TaskContext<unknown>,
  candidates: readonly Destination[],
  next: { status: MigrationStatus; task_state: string },
): Promise<void> {
  const server = await lockServer(tx, context.subject)
  if (!server) throw new Problem('not_found', `Instance ${context.subject} could not be found.`)
  const migration = await moveOf(tx, context)
  const taken = await claimDestination(ports, tx, server, candidates, {
    flavor: migration.new_flavor,
    held_for: 'migration',
  })
  const [address] = await tx<{ host_ip: string }[]>`select host_ip from hosts where id = ${taken.host_id}`
  await updateMigration(tx, migration.id, {
    status: next.status,
    dest_compute: taken.host,
    dest_node: taken.node,
    dest_host: address?.host_ip ?? null,
  })
  if (server.task_state !== 'deleting') await updateServer(tx, server.id, { task_state: next.task_state })
  context.afterCommit(() => ports.hostsChanged(cell.id, [taken.host_id]))
}

/** Gives the share of the move back; of one that has none, nothing. */
export async function abandonMove(ports: TaskPorts, cell: CellDb, context: TaskContext<unknown>): Promise<void> {
  const changed = await cell.transaction((tx) => releaseClaims(tx, context.subject, { only: 'migration' }))
  ports.hostsChanged(cell.id, changed)
}

/** From now on the server is where the move has brought it: the share there is its own, the other one the move's. */
export async function arriveAt(tx: CellTx, migration: Migration, status: MigrationStatus): Promise<Partial<Server>> {
  await swapClaims(tx, migration.server_id)
  await updateMigration(tx, migration.id, { status })
  return { host: migration.dest_compute, node: migration.dest_node }
}

/** Ends a move: what it holds is given back, and its record says how it ended. */
export async function endMove(
  ports: TaskPorts,
  cell: CellDb,
  tx: CellTx,
  context: TaskContext<unknown>,
  migration: Migration,
  status: MigrationStatus,
): Promise<void> {
  const changed = await releaseClaims(tx, migration.server_id, { only: 'migration' })
  await updateMigration(tx, migration.id, { status })
  context.afterCommit(() => ports.hostsChanged(cell.id, changed))
}

export const onOneHost = ({ source_compute, source_node, dest_compute, dest_node }: Migration): boolean =>
  source_compute === dest_compute && source_node === dest_node
