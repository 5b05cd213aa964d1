import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type postgres from 'postgres'
import { eventually } from '../../../test/support/eventually.ts'
import { type TestDatabases, testDatabases } from '../../../test/support/database.ts'
import type { ColumnTypes } from './database.ts'
import { asProblem } from './errors.ts'
import { openPool } from './pool.ts'

/** What `etc/patches` mends in the driver: each of these fails, or ends the process, without the patch. */
describe('the database driver, when its connection is lost', () => {
  let databases: TestDatabases
  let pool: postgres.Sql<ColumnTypes>
  let other: postgres.Sql<ColumnTypes>

  beforeAll(async () => {
    databases = await testDatabases()
    // One connection, so that what comes next has to use the one that was lost.
    pool = openPool({ connection: databases.connections.global, schema: 'public', maxConnections: 1 })
    other = openPool({ connection: databases.connections.global, schema: 'public', maxConnections: 1 })
    await other`create table notes (text text not null)`
  })
  afterAll(async () => {
    await Promise.all([pool.end({ timeout: 1 }), other.end()])
    await databases.drop()
  })

  async function terminate(pid: number): Promise<void> {
    await other`select pg_terminate_backend(${pid})`
    await eventually(async () => expect(await other`select 1 from pg_stat_activity where pid = ${pid}`).toHaveLength(0))
  }

  test('refuses further statements of the transaction, and the process lives', async () => {
    const error = await pool
      .begin(async (tx) => {
        const [row] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`
        await terminate(row?.pid ?? 0)
        await tx`insert into notes values ('into the void')`
      })
      .catch((reason: unknown) => reason)
    expect(asProblem(error)).toMatchObject({ kind: 'unavailable' })
    // The write that was queued without a socket would happen now.
    await new Promise((resolve) => setImmediate(resolve))
    expect(await pool`select text from notes`).toHaveLength(0)
  })

  test('gives the next statement its own answer, not the error of the lost one', async () => {
    const [row] = await pool<{ pid: number }[]>`select pg_backend_pid() as pid`
    const lost = pool`select pg_sleep(30)`.catch((reason: unknown) => reason)
    await eventually(async () => {
      expect(
        await other`select 1 from pg_stat_activity where pid = ${row?.pid ?? 0} and state = 'active'`,
      ).toHaveLength(1)
    })
    await terminate(row?.pid ?? 0)
    expect(asProblem(await lost)).toMatchObject({ kind: 'unavailable' })
    expect(await pool`select 1 as one`).toMatchObject([{ one: 1 }])
  })

  test('does not run what is left of the transaction over the connection that replaced it', async () => {
    const error = await pool
      .begin(async (tx) => {
        const [row] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`
        await terminate(row?.pid ?? 0)
        await eventually(() => pool`select 'somebody else'`)
        await tx`insert into notes values ('outside of any transaction')`
      })
      .catch((reason: unknown) => reason)
    expect(asProblem(error)).toMatchObject({ kind: 'unavailable' })
    await Bun.sleep(50)
    expect(await other`select text from notes`).toHaveLength(0)
  })

  test.each([
    ['before the server has said a word', (socket: Socket) => socket.end()],
    ['when it has just begun, and the driver asks for the types', greetAndClose],
  ])('fails a statement whose connection is closed %s', async (_when, serve) => {
    const directory = mkdtempSync(join(tmpdir(), 'bunova-closing-'))
    const server = createServer(serve).listen(join(directory, '.s.PGSQL.5432'))
    const closing = openPool({
      connection: `postgresql://nova@/nova?host=${directory}`,
      schema: 'public',
      maxConnections: 1,
    })
    try {
      const error = await closing`select 1`.catch((reason: unknown) => reason)
      expect(asProblem(error)).toMatchObject({ kind: 'unavailable' })
    } finally {
      await closing.end({ timeout: 0 })
      server.close()
      rmSync(directory, { recursive: true })
    }
  })
})

/** PostgreSQL's words to a client that may log in, then nothing more. */
function greetAndClose(socket: Socket): void {
  const authenticated = [0x52, 0, 0, 0, 8, 0, 0, 0, 0]
  const ready = [0x5a, 0, 0, 0, 5, 0x49]
  socket.once('data', () => {
    socket.write(Buffer.from([...authenticated, ...ready]))
    socket.once('data', () => socket.end())
  })
}
