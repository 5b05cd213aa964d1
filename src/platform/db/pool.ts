import postgres from 'postgres'
import type { ColumnTypes } from './database.ts'
import { type Endpoint, parseConnection } from './connection.ts'

export interface PoolOptions {
  /** A `[database] connection` line. */
  readonly connection: string
  /** The PostgreSQL schema that bare names mean; the only one on the search path, so that no join leaves it. */
  readonly schema: string
  readonly maxConnections: number
  /** Keeps a connection for as long as it can; else it is made anew from time to time. */
  readonly forLife?: boolean
  /** Called for each statement that is sent: tests count them. */
  readonly onStatement?: (text: string) => void
}

export const STATEMENT_TIMEOUT_MS = 30_000
export const LOCK_TIMEOUT_MS = 10_000
/** A transaction left open by a hung process must not hold its locks for longer than this. */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_S = 5
/** Longest pause between two attempts to reconnect: what a recovered database waits for at most. */
const RECONNECT_WAIT_MAX_S = 0.5

/** Opens a pool of connections; each is made when it is first needed. */
export function openPool(options: PoolOptions): postgres.Sql<ColumnTypes> {
  const endpoint = parseConnection(options.connection)
  const pool = postgres({
    ...place(endpoint),
    database: endpoint.database,
    user: endpoint.user,
    password: endpoint.password,
    ssl: endpoint.ssl,
    max: options.maxConnections,
    connect_timeout: CONNECT_TIMEOUT_S,
    ...(options.forLife ? { max_lifetime: null } : {}),
    backoff: (attempts) => Math.min(0.01 * 2 ** attempts, RECONNECT_WAIT_MAX_S),
    types: { bigint: { to: 20, from: [20], parse: safeInteger, serialize: (value: number) => `${value}` } },
    // Notices are of use to someone at a psql prompt; the driver would print them.
    onnotice: () => {},
    ...(options.onStatement ? { debug: (_connection: number, text: string) => options.onStatement!(text) } : {}),
    connection: {
      application_name: 'bunova',
      search_path: options.schema,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      // Our statements run for a millisecond; compiling one takes a hundred.
      jit: false,
    },
  })
  return pool as postgres.Sql<ColumnTypes>
}

function place(endpoint: Endpoint): { path: string } | { host: string; port: number } {
  const { host, port } = endpoint
  return host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
}

function safeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} does not fit a number`)
  return value
}
