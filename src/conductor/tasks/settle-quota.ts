import { findServer, lastMigration, type MigrationStatus, resizeMapping } from '../../cells/index.ts'
import type { CellDb } from '../../platform/db/index.ts'
import type { TaskPorts } from './ports.ts'

/** While a move is in one of these, its server may become either of two flavors. */
const UNDECIDED: readonly MigrationStatus[] = [
  'pre-migrating',
  'migrating',
  'post-migrating',
  'finished',
  'confirming',
  'reverting',
]

/** Makes a server count in its project's quota as what it is, or as the larger of what it may become. Twice is as once. */
export async function settleQuota({ cells }: Pick<TaskPorts, 'cells'>, cell: CellDb, serverId: string): Promise<void> {
  const server = await findServer(cell, serverId)
  if (!server) return
  const move = await lastMigration(cell.sql, serverId, UNDECIDED)
  const flavors = move ? [server.flavor, move.old_flavor, move.new_flavor] : [server.flavor]
  const counted = {
    vcpus: Math.max(...flavors.map(({ vcpus }) => vcpus)),
    memory_mb: Math.max(...flavors.map(({ memory_mb }) => memory_mb)),
    flavor: server.flavor,
  }
  await cells.global.transaction((tx) => resizeMapping(tx, serverId, counted, null))
}
