import {
  beginAction,
  lastMigration,
  lockServer,
  reservedLongAgo,
  type Server,
  updateMigration,
  updateServer,
} from '../cells/index.ts'
import { newRequestId } from '../kernel/index.ts'
import type { CellDb, CellTx } from '../platform/db/index.ts'
import { DELETE_DEADLINE_S } from './tasks/delete-server.ts'
import type { TaskPorts } from './tasks/ports.ts'
import { settleQuota } from './tasks/settle-quota.ts'
import { beginOffload } from './tasks/shelve-server.ts'
import { insertTask } from './tasks.store.ts'

/** What is done to servers after a while that nobody asks for then; seconds. */
export interface Waits {
  /** `resize_confirm_window`; 0: never. */
  readonly resize_confirm_window_s: number
  /** `shelved_offload_time`; 0 does it with the shelving, less than 0 never. */
  readonly shelved_offload_time_s: number
  /** `reclaim_instance_interval`; 0: nothing waits for it. */
  readonly reclaim_instance_interval_s: number
}

/** A request that has not become a move by then never will. */
const RESERVED_S = 300
/** Servers treated at once; the next round takes the others. */
const BATCH = 100

/**
 * One look for servers that have waited long enough. Several conductors may look at once: each server's row is locked
 * and looked at again before anything is done to it.
 */
export async function lookForWaiting(ports: TaskPorts, cell: CellDb, waits: Waits, now: Date): Promise<void> {
  const before = (seconds: number): Date => new Date(now.getTime() - seconds * 1000)
  const begin = async (ids: readonly { id: string }[], task: (tx: CellTx, id: string) => Promise<string | null>) => {
    for (const { id } of ids) {
      const begun = await cell.transaction((tx) => task(tx, id))
      if (begun) ports.ring(cell.id, begun)
    }
  }
  if (waits.resize_confirm_window_s > 0) {
    const undecided = await cell.sql<{ id: string }[]>`
      select servers.id from servers join migrations on migrations.server_id = servers.id and status = 'finished'
      where vm_state = 'resized' and task_state is null and servers.deleted_at is null
        and migrations.updated_at < ${before(waits.resize_confirm_window_s)} limit ${BATCH}`
    await begin(undecided, confirm)
  }
  if (waits.shelved_offload_time_s > 0) {
    const shelved = await cell.sql<{ id: string }[]>`
      select id from servers where vm_state = 'shelved' and task_state is null and deleted_at is null
        and (system_metadata ->> 'shelved_at')::timestamptz < ${before(waits.shelved_offload_time_s)} limit ${BATCH}`
    await begin(shelved, (tx, id) => beginOffload(tx, id, newRequestId()))
  }
  if (waits.reclaim_instance_interval_s > 0) {
    const deleted = await cell.sql<{ id: string }[]>`
      select id from servers where vm_state = 'soft-delete' and task_state is null and deleted_at is null
        and (system_metadata ->> 'soft_deleted_at')::timestamptz < ${before(waits.reclaim_instance_interval_s)}
      limit ${BATCH}`
    await begin(deleted, reclaim)
  }
}

/** Servers that still count as more than they are, because whoever reserved that did not come to an end. */
export async function lookForReserved(ports: TaskPorts, now: Date): Promise<void> {
  const reserved = await reservedLongAgo(ports.cells.global, new Date(now.getTime() - RESERVED_S * 1000))
  for (const { server_id, cell_id } of reserved) await settleQuota(ports, ports.cells.get(cell_id), server_id)
}

async function confirm(tx: CellTx, id: string): Promise<string | null> {
  const server = await lockServer(tx, id)
  const migration = server?.vm_state === 'resized' && (await lastMigration(tx, id, ['finished']))
  if (!server || server.task_state !== null || !migration) return null
  await updateMigration(tx, migration.id, { status: 'confirming' })
  return beginFor(tx, server, 'confirmResize', { kind: 'server.confirm-resize', deadline_s: 600 }, {})
}

async function reclaim(tx: CellTx, id: string): Promise<string | null> {
  const server = await lockServer(tx, id)
  if (!server || server.vm_state !== 'soft-delete' || server.task_state !== null) return null
  const task = { kind: 'server.delete', deadline_s: DELETE_DEADLINE_S }
  return beginFor(tx, server, 'delete', task, { task_state: 'deleting' })
}

async function beginFor(
  tx: CellTx,
  server: Server,
  action: string,
  task: { kind: string; deadline_s: number },
  changes: Partial<Server>,
): Promise<string> {
  const { id, project_id, user_id } = server
  const request_id = newRequestId()
  await updateServer(tx, id, { ...changes, generation: server.generation + 2 })
  await beginAction(tx, { server_id: id, action, request_id, user_id, project_id, start_time: new Date() })
  return insertTask(tx, { ...task, subject: id, request_id, input: {} })
}
