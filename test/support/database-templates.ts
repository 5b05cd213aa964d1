import postgres from 'postgres'
import { type Databases, openDatabases } from '../../src/platform/db/index.ts'
import { quietLog } from './quiet-log.ts'

/** All schemas in one database, or global with cell0 and cell1 in one each. */
export type Template = 'template_both' | 'template_global' | 'template_cell'

/** Makes the databases that those of tests are copies of. */
export async function makeTemplates(server: string): Promise<void> {
  const names: readonly Template[] = ['template_both', 'template_global', 'template_cell']
  await asSuperuser(server, async (sql) => {
    for (const name of names) await sql`create database ${sql(name)}`
  })
  const [both, global, cell] = names.map((name) => at(server, name)) as [string, string, string]
  const opened = await Promise.all([openTestDatabases(both, both), openTestDatabases(global, cell)])
  await Promise.all(opened.map((databases) => databases.close()))
}

/** @param onStatement called for each statement that is sent */
export function openTestDatabases(
  global: string,
  cell1: string,
  onStatement?: (text: string) => void,
): Promise<Databases> {
  const cells = [
    { id: 'cell0', connection: global, schema: 'cell0' },
    { id: 'cell1', connection: cell1, schema: 'cell1' },
  ]
  return openDatabases({ global, cells, log: quietLog, ...(onStatement ? { onStatement } : {}) })
}

let copies = 0

/** Makes a database from a template and gives its name. */
export async function copy(server: string, template: Template): Promise<string> {
  const name = `test_${process.pid}_${Date.now().toString(36)}_${copies++}`
  await asSuperuser(server, (sql) => sql`create database ${sql(name)} template ${sql(template)} strategy file_copy`)
  return name
}

export async function drop(server: string, names: readonly string[]): Promise<void> {
  await asSuperuser(server, async (sql) => {
    for (const name of names) await sql`drop database if exists ${sql(name)} with (force)`
  })
}

/** The connection line of another database of the same server. */
export function at(server: string, database: string): string {
  return server.replace('/postgres?', `/${database}?`)
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
