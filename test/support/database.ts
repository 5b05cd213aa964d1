import { setDefaultTimeout } from 'bun:test'
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { type Databases, openDatabases, startEmbeddedPostgres } from '../../src/platform/db/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { afterUs } from './after-us.ts'

export interface TestDatabases extends Databases {
  /** Connection lines of the two, for a second process or a raw look. */
  readonly connections: { readonly global: string; readonly cell1: string }
  /** Closes the pools and drops the databases. */
  drop(): Promise<void>
}

// The first test that asks for a database waits for its server to be made, on a busy machine for several seconds.
setDefaultTimeout(60_000)

/** Drops what a test does not assert. */
export const quietLog: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => quietLog,
}

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
      await asSuperuser(server, async (sql) => {
        for (const name of names) await sql`drop database if exists ${sql(name)} with (force)`
      })
    },
  }
}

function openTestDatabases(global: string, cell1: string): Promise<Databases> {
  const cells = [
    { id: 'cell0', connection: global, schema: 'cell0' },
    { id: 'cell1', connection: cell1, schema: 'cell1' },
  ]
  return openDatabases({ global, cells, log: quietLog })
}

let starting: Promise<string> | undefined
let copies = 0

/** The connection line of this process's server. */
function testServer(): Promise<string> {
  return (starting ??= startTestServer())
}

/**
 * Its directory is named after our process id: where test files do not share their modules, the second one finds the
 * server of the first and takes it over.
 */
async function startTestServer(): Promise<string> {
  const directory = join(tmpdir(), `bunova-test-${process.pid}`)
  const first = !existsSync(directory)
  if (first) {
    mkdirSync(directory)
    // The server runs as "nobody" when we are root.
    chmodSync(directory, 0o711)
    afterUs('kill -QUIT "$(head -n 1 "$1/pg/data/postmaster.pid")"; sleep 0.2; rm -rf "$1"', directory)
  }
  const server = await startEmbeddedPostgres({
    directory: join(directory, 'pg'),
    log: quietLog,
    // Tests need no durability; those that kill the server find its writes in the page cache.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  })
  if (first) await makeTemplates(server.connection)
  return server.connection
}

async function makeTemplates(server: string): Promise<void> {
  const names = ['template_both', 'template_global', 'template_cell']
  await asSuperuser(server, async (sql) => {
    for (const name of names) await sql`create database ${sql(name)}`
  })
  const [both, global, cell] = names.map((name) => at(server, name)) as [string, string, string]
  const opened = await Promise.all([openTestDatabases(both, both), openTestDatabases(global, cell)])
  await Promise.all(opened.map((databases) => databases.close()))
}

async function copy(server: string, template: string): Promise<string> {
  const name = `test_${process.pid}_${Date.now().toString(36)}_${copies++}`
  await asSuperuser(server, (sql) => sql`create database ${sql(name)} template ${sql(template)} strategy file_copy`)
  return name
}

async function asSuperuser(server: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const socket = new URL(server.replace('@/', '@localhost/')).searchParams.get('host')
  const sql = postgres({ path: `${socket}/.s.PGSQL.5432`, user: 'nova', database: 'postgres', max: 1 })
  try {
    await work(sql)
  } finally {
    await sql.end()
  }
}

function at(server: string, database: string): string {
  return server.replace('/postgres?', `/${database}?`)
}
