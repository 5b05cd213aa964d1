import type { CellDb, CellTx } from '../platform/db/index.ts'
import { POWER, type Server } from './server.ts'

// Statements for one server ask `num_nulls(deleted_at) = 1`, not `deleted_at is null`: for that the planner, as long as it
// has no statistics, prefers a whole scan of one of the indexes of live servers to the primary key, and keeps the plan.

/** A live server; deleted rows are history and are not found here. */
export async function findServer(db: CellDb, id: string): Promise<Server | null> {
  const [row] = await db.sql<Server[]>`select * from servers where id = ${id} and num_nulls(deleted_at) = 1`
  return row ?? null
}

/** The row, locked until the transaction ends: state rules are checked against what cannot change underneath. */
export async function lockServer(tx: CellTx, id: string): Promise<Server | null> {
  const [row] = await tx<Server[]>`select * from servers where id = ${id} and num_nulls(deleted_at) = 1 for update`
  return row ?? null
}

/** Those of these servers that are on a host. */
export async function placedServers(db: CellDb, ids: readonly string[]): Promise<string[]> {
  const rows = await db.sql<{ id: string }[]>`
    select id from servers
    where id = any(${ids as string[]}::uuid[]) and num_nulls(deleted_at) = 1 and host is not null`
  return rows.map(({ id }) => id)
}

/** The hosts of those of these servers that the project has and that are on one. */
export async function hostsOfServers(db: CellDb, projectId: string, ids: readonly string[]): Promise<string[]> {
  const rows = await db.sql<{ host: string }[]>`
    select distinct host from servers
    where id = any(${ids as string[]}::uuid[]) and project_id = ${projectId} and num_nulls(deleted_at) = 1
      and host is not null`
  return rows.map(({ host }) => host)
}

/** Adds a server with all that is known of it but its number, which the cell gives. */
export async function insertServer(tx: CellTx, server: Server): Promise<void> {
  await tx`
    insert into servers overriding user value
    select * from jsonb_populate_record(null::servers, ${tx.json(server as never)})`
}

/** Changes columns of a live server and touches `updated_at`. */
export async function updateServer(tx: CellTx, id: string, changes: Partial<Omit<Server, 'id' | 'number'>>): Promise<void> {
  const row = { ...changes, updated_at: new Date() }
  const columns = Object.keys(row) as (keyof typeof row)[]
  await tx`update servers set ${tx(row, ...columns)} where id = ${id} and num_nulls(deleted_at) = 1`
}

/** The guest of a new server runs. A delete that waits for its turn stays announced. */
export async function markActive(tx: CellTx, id: string): Promise<void> {
  await tx`
    update servers set
      vm_state = 'active',
      task_state = case task_state when 'deleting' then task_state end,
      power_state = ${POWER.running},
      progress = 0,
      root_device_name = coalesce(root_device_name, '/dev/vda'),
      launched_at = now(),
      updated_at = now()
    where id = ${id} and num_nulls(deleted_at) = 1`
}

/** When the host sent a word on the guest that changes nothing: `updated_at` stays, which clients poll by. */
export async function noteReport(tx: CellTx, id: string, sentAt: Date): Promise<void> {
  await tx`update servers set power_reported_at = ${sentAt} where id = ${id} and num_nulls(deleted_at) = 1`
}

/** Live servers that should have a guest on `host`, for comparison with what really runs there. */
export async function serversOnHost(db: CellDb, host: string): Promise<Pick<Server, 'id' | 'vm_state' | 'task_state' | 'power_state'>[]> {
  return db.sql`select id, vm_state, task_state, power_state from servers where host = ${host} and deleted_at is null`
}
