import type postgres from 'postgres'
import { isRetryable } from './errors.ts'
import type { Presence } from './presence.ts'

/**
 * Which of the two kinds of database a statement is for. They may be on two servers, so no statement, join or
 * transaction may span both: the type of a `Sql` or `Tx` carries its scope and the compiler refuses the wrong one.
 */
export type Scope = 'global' | 'cell'

declare const scopeOf: unique symbol
interface Scoped<S extends Scope> {
  readonly [scopeOf]: S
}

/** `bigint` columns (`count(*)`, identities) arrive as numbers; one beyond 2^53 fails its statement. */
export interface ColumnTypes extends Record<string, unknown> {
  bigint: number
}

/** Runs statements, each on its own or, when it is a `Tx`, as part of that transaction. What stores take. */
export type Sql<S extends Scope> = postgres.ISql<ColumnTypes> & Scoped<S>
/** A transaction in progress; a function that must run inside one asks for this. */
export type Tx<S extends Scope> = postgres.TransactionSql<ColumnTypes> & Scoped<S>

/** Part of a statement, made by the same template as a whole one and not sent by itself. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>

export type GlobalSql = Sql<'global'>
export type GlobalTx = Tx<'global'>
export type CellSql = Sql<'cell'>
export type CellTx = Tx<'cell'>

export interface Database<S extends Scope> {
  readonly scope: S
  /** `global`, or the cell's id. */
  readonly id: string
  readonly sql: Sql<S>
  /**
   * Runs `work` in one transaction and commits when it resolves. A serialization failure or deadlock runs it again
   * from the start, at most `TRANSACTION_ATTEMPTS` times in all: it must have no effect outside the database.
   * After a lost connection the outcome of a commit is unknown, so that is never repeated here.
   * @throws what `work` throws, after a rollback; errors of the database as the driver gives them (see `asProblem`).
   */
  transaction<T>(work: (tx: Tx<S>) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Lets others who share the database see that `name` lives, for as long as it does (see `isPresent`). */
  announce(name: string): Presence
}

export type GlobalDb = Database<'global'>
export type CellDb = Database<'cell'>

export interface TransactionOptions {
  /** Default: read committed. */
  readonly isolation?: 'repeatable read' | 'serializable'
  readonly readOnly?: boolean
}

export const TRANSACTION_ATTEMPTS = 5
/** Upper bound of the random wait before attempt n + 1: n times this, so that two that collided part. */
const RETRY_WAIT_MS = 10

/** Puts the port of a database on a pool of the driver. */
export function database<S extends Scope>(
  scope: S,
  id: string,
  pool: postgres.Sql<ColumnTypes>,
  announce: Database<S>['announce'],
): Database<S> {
  return {
    scope,
    id,
    sql: pool as unknown as Sql<S>,
    announce,
    async transaction<T>(work: (tx: Tx<S>) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
      const mode = transactionMode(options)
      for (let attempt = 1; ; attempt++) {
        try {
          // Wrapped, because the driver would await the members of an array that `work` resolves with.
          const { value } = await pool.begin(mode, async (tx) => ({ value: await work(tx as unknown as Tx<S>) }))
          return value
        } catch (error) {
          if (attempt >= TRANSACTION_ATTEMPTS || !isRetryable(error)) throw error
          await Bun.sleep(Math.random() * RETRY_WAIT_MS * attempt)
        }
      }
    },
  }
}

function transactionMode({ isolation, readOnly }: TransactionOptions): string {
  return [isolation ? `isolation level ${isolation}` : '', readOnly ? 'read only' : ''].join(' ').trim()
}
