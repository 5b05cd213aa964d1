import { newId } from '../kernel/index.ts'
import { type CellSql, type CellTx, type Database, type Fragment, type GlobalSql, type GlobalTx, isPresent } from '../platform/db/index.ts'
import type { Failure } from './task.ts'

export type AnyDatabase = Database<'global'> | Database<'cell'>

export interface TaskRow {
  readonly id: string
  readonly kind: string
  readonly subject: string
  readonly request_id: string
  readonly input: unknown
  readonly data: Record<string, unknown>
  readonly step: number
  readonly state: 'ready' | 'undoing'
  readonly failure: Failure | null
  readonly cancelled: boolean
  readonly attempts: number
  readonly lease_owner: string
  readonly lease_number: number
  readonly deadline_at: Date
  readonly created_at: Date
}

export interface NewTask {
  readonly kind: string
  readonly subject: string
  readonly request_id: string
  readonly input: unknown
  readonly deadline_s: number
}

/**
 * The statement that adds tasks. It can end another statement, as `accept` and `place` take it: the work and its task
 * are then written in one go.
 */
export function insertTasks(sql: GlobalSql | CellSql, tasks: readonly (NewTask & { readonly id: string })[]): Fragment {
  return sql`
    insert into tasks (id, kind, subject, request_id, input, deadline_at)
    select id, kind, subject, request_id, input, now() + make_interval(secs => deadline_s)
    from jsonb_to_recordset(${sql.json(tasks as never)}) as task (
      id uuid, kind text, subject text, request_id text, input jsonb, deadline_s float8
    )`
}

/** Adds a task in the transaction that accepts the work. @returns its id, to ring the doorbell with after the commit. */
export async function insertTask(tx: GlobalTx | CellTx, task: NewTask): Promise<string> {
  const id = newId()
  await insertTasks(tx, [{ ...task, id }])
  return id
}

/** Asks all tasks of a subject to stop and take back what they did; a delete goes before everything. */
export async function cancelTasks(tx: GlobalTx | CellTx, subject: string): Promise<void> {
  await tx`update tasks set cancelled = true where subject = ${subject}`
}

/**
 * Takes a task for this conductor unless another one holds it, it is not due, or an older one of its subject is not
 * done yet. Its commit does not wait for the disk: a lease that a crash of the database loses is one that nobody has, and
 * who believes to have it is refused by its owner or number.
 */
export async function takeLease(db: AnyDatabase, id: string, owner: string, lease_s: number): Promise<TaskRow | null> {
  const [row] = await db.sql<TaskRow[]>`
    update tasks set
      lease_owner = ${owner},
      lease_until = now() + make_interval(secs => ${lease_s}),
      lease_number = lease_number + 1
    where id = ${id}
      and (lease_until is null or lease_until < now())
      and not_before <= now()
      and set_config('synchronous_commit', 'off', true) = 'off'
      and not exists (
        select from tasks as older where older.subject = tasks.subject and older.sequence < tasks.sequence)
    returning *`
  return row ?? null
}

/** @returns those still held, with whether they have been cancelled. */
export async function renewLeases(
  db: AnyDatabase,
  ids: readonly string[],
  owner: string,
  lease_s: number,
): Promise<{ id: string; cancelled: boolean }[]> {
  return db.sql`
    update tasks set lease_until = now() + make_interval(secs => ${lease_s})
    where id = any(${ids as string[]}::uuid[]) and lease_owner = ${owner}
    returning id, cancelled`
}

/** Gives leases back: of one task, or of all that an earlier life of this conductor held. */
export async function dropLease(db: AnyDatabase, task: TaskRow, retryAfter_s: number): Promise<void> {
  await db.sql`
    update tasks set lease_until = null, lease_owner = null,
      not_before = now() + make_interval(secs => ${retryAfter_s})
    where id = ${task.id} and lease_number = ${task.lease_number} and lease_owner = ${task.lease_owner}`
}

export async function dropLeasesOf(db: AnyDatabase, conductor: string): Promise<void> {
  await db.sql`
    update tasks set lease_until = null, lease_owner = null
    where starts_with(lease_owner, ${`${conductor}/`})`
}

/** Who holds leases and is not there any more: conductors that ended without a word. */
export async function absentOwners({ sql }: AnyDatabase): Promise<string[]> {
  const rows = await sql<{ lease_owner: string }[]>`
    select distinct lease_owner from tasks
    where lease_owner is not null and not ${isPresent(sql, sql`lease_owner`)}`
  return rows.map((row) => row.lease_owner)
}

export async function dropLeasesOfOwner(db: AnyDatabase, owner: string): Promise<void> {
  await db.sql`update tasks set lease_until = null, lease_owner = null where lease_owner = ${owner}`
}

export async function dueTasks(db: AnyDatabase, limit: number): Promise<string[]> {
  const rows = await db.sql<{ id: string }[]>`
    select id from tasks
    where not_before <= now() and (lease_until is null or lease_until < now())
    order by not_before, sequence limit ${limit}`
  return rows.map((row) => row.id)
}

export async function isCancelled(db: AnyDatabase, id: string): Promise<boolean> {
  const [row] = await db.sql<{ cancelled: boolean }[]>`select cancelled from tasks where id = ${id}`
  return row?.cancelled ?? false
}

/** Another conductor has the task by now, or it is gone: whatever we still meant to write must not be written. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
}

export interface Progress {
  readonly step: number
  readonly state: 'ready' | 'undoing'
  readonly data: Record<string, unknown>
  readonly failure: Failure | null
  readonly attempts: number
}

/** What saving a task's progress answers: whether somebody wants it stopped. */
export interface Saved {
  readonly cancelled: boolean
}

/**
 * The statement that saves a task's progress, up to its `returning cancelled`. It can be part of a longer one, which
 * then may add conditions; it returns no row, and whatever goes with it must not be written, when the lease is lost.
 */
export function saving(sql: AnySql, task: TaskRow, progress: Progress): Fragment {
  return sql`
    update tasks set
      step = ${progress.step}, state = ${progress.state}, data = ${progress.data as never},
      failure = ${progress.failure as never}, attempts = ${progress.attempts}
    where ${held(sql, task)}`
}

/** As `saving`, for a task that is done. */
export function removing(sql: AnySql, task: TaskRow): Fragment {
  return sql`delete from tasks where ${held(sql, task)}`
}

type AnySql = GlobalSql | CellSql

const held = (sql: AnySql, task: TaskRow): Fragment =>
  sql`id = ${task.id} and lease_number = ${task.lease_number} and lease_owner = ${task.lease_owner}`

/** @throws {LeaseLost} */
export function savedOf(task: TaskRow, [row]: readonly Saved[]): Saved {
  if (!row) throw new LeaseLost(task.id)
  return row
}

/** @throws {LeaseLost} */
export async function saveProgress(sql: AnySql, task: TaskRow, progress: Progress): Promise<Saved> {
  return savedOf(task, await sql<Saved[]>`${saving(sql, task, progress)} returning cancelled`)
}

/** @throws {LeaseLost} */
export async function removeTask(sql: AnySql, task: TaskRow): Promise<Saved> {
  return savedOf(task, await sql<Saved[]>`${removing(sql, task)} returning cancelled`)
}
