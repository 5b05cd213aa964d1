import { join } from 'node:path'
import type { Config } from './platform/config/index.ts'
import { type Databases, openDatabases, startEmbeddedPostgres } from './platform/db/index.ts'
import type { Logs } from './platform/log/index.ts'

/** Notes how a thing is stopped when the process ends, and hands it on. */
export type Later = <T>(value: T, stop: (value: T) => unknown) => T

/** The databases that the configuration names, or else the PostgreSQL that comes with Bunova. */
export async function openStorage(config: Config, statePath: string, logs: Logs, later: Later): Promise<Databases> {
  const log = logs.role('nova-conductor')
  let cell = config.database.connection
  let global = config.api_database.connection ?? cell
  if (!cell || !global) {
    const postgres = later(await startEmbeddedPostgres({ directory: join(statePath, 'postgres'), log }), (server) => server.stop())
    cell ??= postgres.connection
    global ??= postgres.connection
  }
  const databases = await openDatabases({
    global,
    cells: [
      { id: 'cell0', connection: global, schema: 'cell0' },
      { id: 'cell1', connection: cell, schema: 'cell1' },
    ],
    log,
    maxConnections: Math.max(config.database.max_pool_size, config.api_database.max_pool_size),
  })
  return later(databases, (opened) => opened.close())
}
