import type { Vif } from '../contracts/index.ts'
import type { CellDb, CellSql, CellTx, Fragment } from '../platform/db/index.ts'
import type { Server } from './server.ts'

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

/**
 * A new server has its ports, and its task is saved by `save` (see `saving` of the conductor), in one statement. A delete
 * that waits for its turn stays announced. It does not wait for the disk: a task that a crash of the database sets back
 * finds the ports made, and the host knows the command again that follows.
 */
export async function recordPorts(
  { sql }: CellDb,
  id: string,
  vifs: readonly Vif[],
  save: Fragment,
): Promise<{ cancelled: boolean }[]> {
  return sql`
    with server as (
      ${lockedFirst(sql, id)}
    ), saved as (
      ${save} and (select count(*) from server) >= 0 and set_config('synchronous_commit', 'off', true) = 'off'
      returning cancelled
    ), recorded as (
      update servers set
        vifs = ${sql.json(vifs as never)},
        task_state = case task_state when 'deleting' then task_state else 'spawning' end,
        updated_at = now()
      from saved where id = ${id} and num_nulls(deleted_at) = 1
    )
    select cancelled from saved`
}

/** A statement that writes both a server and its task locks the server before the task, as a delete does. */
export const lockedFirst = (sql: CellSql, id: string): Fragment =>
  sql`select id from servers where id = ${id} and num_nulls(deleted_at) = 1 for update`

/** When the host sent a word on the guest that changes nothing: `updated_at` stays, which clients poll by. */
export async function noteReport(tx: CellTx, id: string, sentAt: Date): Promise<void> {
  await tx`update servers set power_reported_at = ${sentAt} where id = ${id} and num_nulls(deleted_at) = 1`
}

/** Moves a server on `host` from the task state it is in to the next one, where `next` has one for it. */
export async function noteTaskState(
  db: CellDb,
  id: string,
  host: string,
  next: Readonly<Record<string, string>>,
): Promise<void> {
  await db.sql`
    update servers set task_state = ${db.sql.json(next)}::jsonb ->> task_state, updated_at = now()
    where id = ${id} and host = ${host} and num_nulls(deleted_at) = 1
      and task_state = any(${Object.keys(next)})`
}

/** Live servers that may have a guest on `host`, those that move among them, for comparison with what really runs there. */
export async function serversOnHost(db: CellDb, host: string): Promise<Pick<Server, 'id' | 'vm_state' | 'task_state' | 'power_state'>[]> {
  return db.sql`
    select id, vm_state, task_state, power_state from servers where host = ${host} and deleted_at is null
    union
    select servers.id, vm_state, task_state, power_state
    from hosts join claims on host_id = hosts.id join servers on servers.id = server_id
    where hosts.host = ${host} and deleted_at is null`
}
