import { setDefaultTimeout } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Databases } from '../../src/platform/db/index.ts'
import { afterUs } from './after-us.ts'
import { at, copy, drop, openTestDatabases } from './database-templates.ts'

export { quietLog } from './quiet-log.ts'

export interface TestDatabases extends Databases {
  /** Connection lines of the two, for a second process or a raw look. */
  readonly connections: { readonly global: string; readonly cell1: string }
  /** Closes the pools and drops the databases. */
  drop(): Promise<void>
}

// The first test that asks for a database waits for its server to be made, on a busy machine for several seconds.
setDefaultTimeout(60_000)

/**
 * Fresh databases with all tables: global with cell0, and cell1 in the same database or, `separate`, in one of its own.
 * They are copies of a template on a PostgreSQL that the first call in this process starts; it ends with the process,
 * even one that is killed.
 */
export async function testDatabases(options: { separate?: boolean } = {}): Promise<TestDatabases> {
  const server = await testServer()
  const names = options.separate
    ? [await copy(server, 'template_global'), await copy(server, 'template_cell')]
    : [await copy(server, 'template_both')]
  const [global, cell1 = global] = names.map((name) => at(server, name)) as [string, string?]
  const databases = await openTestDatabases(global, cell1)
  return {
    ...databases,
    connections: { global, cell1 },
    async drop() {
      await databases.close()
      await drop(server, names)
    },
  }
}

let starting: Promise<string> | undefined

/** The connection line of this process's server. */
function testServer(): Promise<string> {
  return (starting ??= startTestServer())
}

/**
 * Its directory is named after our process id: where test files do not share their modules, the second one finds the
 * server of the first.
 */
async function startTestServer(): Promise<string> {
  const directory = join(tmpdir(), `bunova-test-${process.pid}`)
  const connection = join(directory, 'connection')
  if (!existsSync(directory)) {
    mkdirSync(directory)
    // The server runs as "nobody" when we are root.
    chmodSync(directory, 0o711)
    afterUs('kill -QUIT "$(head -n 1 "$1/pg/data/postmaster.pid")"; sleep 0.2; rm -rf "$1"', directory)
  }
  if (!existsSync(connection)) {
    const started = Bun.spawn([process.execPath, join(import.meta.dir, 'database-server.ts'), directory], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [exitCode, words] = await Promise.all([started.exited, new Response(started.stderr).text()])
    if (exitCode !== 0) throw new Error(`the database server of the tests did not start: ${words}`)
  }
  return readFileSync(connection, 'utf8')
}
