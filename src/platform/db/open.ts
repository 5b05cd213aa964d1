import type postgres from 'postgres'
import { assert } from '../../kernel/index.ts'
import type { Logger } from '../log/index.ts'
import { type CellDb, type ColumnTypes, database, type GlobalDb, type Scope } from './database.ts'
import { migrate } from './migrate.ts'
import { openPool } from './pool.ts'
import { announce, type Presence } from './presence.ts'

export interface DatabaseOptions {
  /** `[api_database] connection`; its tables stand in the schema `global`. */
  readonly global: string
  /** Each cell with its `connection`; its tables stand in `schema`, `cell1` for cell1. */
  readonly cells: readonly { readonly id: string; readonly connection: string; readonly schema: string }[]
  readonly log: Logger
  /** Connections of the global pool and of each cell's, opened as they are needed. */
  readonly maxConnections?: number
  /** Called for each statement that is sent: tests count them. */
  readonly onStatement?: (text: string) => void
}

export interface Databases {
  readonly global: GlobalDb
  /** By cell id; `cell0`, where servers that found no host are kept, is one of them. */
  readonly cells: ReadonlyMap<string, CellDb>
  /** Whether every database answers within `HEALTH_DEADLINE_MS`. */
  healthy(): Promise<boolean>
  /** Waits at most `CLOSE_DEADLINE_S` for statements in flight. */
  close(): Promise<void>
}

/** Nova's `max_pool_size`. More of them cost switches of process and memory, and on a few cores gain nothing. */
const MAX_CONNECTIONS = 5
/** cell0 sees a statement when a build fails or such a server is looked at. */
const CELL0_MAX_CONNECTIONS = 2
const HEALTH_DEADLINE_MS = 2_000
const CLOSE_DEADLINE_S = 5

/**
 * Connects to every database and brings its schema up to date.
 * @throws {ConnectionStringError} for a `connection` that is not one, {MigrationError} for a schema that does not fit
 * this release, and the driver's error for a database that cannot be reached.
 */
export async function openDatabases(options: DatabaseOptions): Promise<Databases> {
  const { log, onStatement, maxConnections = MAX_CONNECTIONS } = options
  const pools: postgres.Sql<ColumnTypes>[] = []
  const presences = new Set<Presence>()

  async function open<S extends Scope>(scope: S, id: string, connection: string, schema: string, max: number) {
    const pool = openPool({ connection, schema, maxConnections: max, ...(onStatement ? { onStatement } : {}) })
    pools.push(pool)
    const count = await migrate(pool, schema, scope)
    if (count > 0) log.info(`database ${id}: applied ${count} migration(s) to schema "${schema}"`)
    return database(scope, id, pool, (name) => {
      const presence = announce(openPool({ connection, schema, maxConnections: 1, forLife: true }), name)
      presences.add(presence)
      return {
        ready: presence.ready,
        async end() {
          if (presences.delete(presence)) await presence.end()
        },
      }
    })
  }

  async function close(): Promise<void> {
    await Promise.all([
      ...pools.map((pool) => pool.end({ timeout: CLOSE_DEADLINE_S })),
      ...[...presences].map((presence) => presence.end()),
    ])
  }

  const cellIds = new Set(options.cells.map((cell) => cell.id))
  assert(cellIds.size === options.cells.length, 'each cell has an id of its own')
  // All are tried, so that a failure leaves no pool half-open behind.
  const [global, ...cells] = await Promise.allSettled([
    open('global', 'global', options.global, 'global', maxConnections),
    ...options.cells.map(({ id, connection, schema }) =>
      open('cell', id, connection, schema, id === 'cell0' ? CELL0_MAX_CONNECTIONS : maxConnections),
    ),
  ])
  const failed = [global, ...cells].find((result) => result.status === 'rejected')
  if (failed) {
    await close()
    throw failed.reason
  }

  return {
    global: fulfilled(global),
    cells: new Map(cells.map((cell) => [fulfilled(cell).id, fulfilled(cell)])),
    async healthy() {
      const answers = Promise.all(pools.map((pool) => pool`select 1`)).then(
        () => true,
        () => false,
      )
      return Promise.race([answers, Bun.sleep(HEALTH_DEADLINE_MS).then(() => false)])
    },
    close,
  }
}

function fulfilled<T>(result: PromiseSettledResult<T>): T {
  assert(result.status === 'fulfilled', 'failures were thrown before')
  return result.value
}
