import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterUs } from '../../../test/support/after-us.ts'
import { quietLog } from '../../../test/support/database.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { EmbeddedPostgresError } from './distribution.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts'
import { openDatabases } from './open.ts'

describe('the embedded PostgreSQL', () => {
  let root: string
  let directory: string
  let server: EmbeddedPostgres

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'bunova-embedded-'))
    // The server runs as "nobody" when we are root.
    chmodSync(root, 0o711)
    directory = join(root, 'pg')
    afterUs('kill -QUIT "$(head -n 1 "$1/pg/data/postmaster.pid")" 2>/dev/null; sleep 0.2; rm -rf "$1"', root)
    server = await start()
  })
  afterAll(async () => {
    await server.stop()
    rmSync(root, { recursive: true })
  })

  const start = (): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ directory, log: quietLog })
  const open = (connection: string) =>
    openDatabases({ global: connection, cells: [{ id: 'cell1', connection, schema: 'cell1' }], log: quietLog })
  const runs = (pid: number): boolean => existsSync(`/proc/${pid}/cwd/PG_VERSION`)

  test('listens on a private socket only, and waits for the disk', async () => {
    const databases = await open(server.connection)
    const rows = await databases.global.sql<{ name: string; setting: string }[]>`
      select name, setting from pg_settings
      where name in ('listen_addresses', 'fsync', 'synchronous_commit', 'full_page_writes')`
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      listen_addresses: '',
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
    })
    expect(statSync(join(directory, 'run')).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, 'data')).mode & 0o777).toBe(0o700)
    await databases.close()
  })

  test('comes back after a kill -9 with all that was committed, and its clients with it', async () => {
    const databases = await open(server.connection)
    await databases.global.sql`create table survivors (n int)`
    const killed = server.pid
    let acknowledged = 0
    const writing = (async () => {
      for (let n = 0; n < 500; n++) {
        await databases.global.sql`insert into survivors values (${n})`
        acknowledged++
        if (n === 100) process.kill(killed, 'SIGKILL')
      }
    })()
    await writing.catch(() => {})
    await eventually(async () => {
      const [row] = await databases.global.sql<{ n: number }[]>`select count(*) as n from survivors`
      // One more may be there: committed, and the answer lost.
      expect([acknowledged, acknowledged + 1]).toContain(row?.n ?? -1)
    })
    await eventually(async () => expect(server.pid).not.toBe(killed))
    await databases.close()
  })

  test('is taken over by the next process after its owner was killed', async () => {
    const second = await start()
    expect(second).toMatchObject({ adopted: true, pid: server.pid })
    await second.stop()
    expect(runs(second.pid)).toBe(false)
    await eventually(async () => expect(runs(server.pid)).toBe(true))
    await server.stop()
    server = await start()
    expect(server.adopted).toBe(false)
  })

  test('starts past the lock files of a dead one, even when another process has its pid', async () => {
    const pidFile = readFileSync(join(directory, 'data/postmaster.pid'), 'utf8')
    await server.stop()
    // Ours is the pid of a process that lives and is no postmaster.
    writeFileSync(join(directory, 'data/postmaster.pid'), pidFile.replace(/^\d+/, String(process.pid)))
    writeFileSync(join(directory, 'run/.s.PGSQL.5432.lock'), `${process.pid}\n`)
    server = await start()
    expect(runs(server.pid)).toBe(true)
  })

  test('stop leaves no process, and a second stop does no harm', async () => {
    await server.stop()
    await server.stop()
    expect(runs(server.pid)).toBe(false)
    server = await start()
  })

  test('refuses data of another major version, saying what to do', async () => {
    const old = join(root, 'old')
    mkdirSync(join(old, 'data'), { recursive: true })
    writeFileSync(join(old, 'data/PG_VERSION'), '12\n')
    const error = await startEmbeddedPostgres({ directory: old, log: quietLog }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(EmbeddedPostgresError)
    expect(String(error)).toContain('was made by PostgreSQL 12')
  })

  test('says why when it cannot start', async () => {
    const broken = startEmbeddedPostgres({
      directory: join(root, 'broken'),
      log: quietLog,
      settings: { fsync: 'off', shared_buffers: 'plenty' },
    })
    await expect(broken).rejects.toThrow('invalid value for parameter "shared_buffers"')
  })

  test('puts its socket elsewhere when the path is too long for one', async () => {
    const deep = join(root, 'd'.repeat(60), 'e'.repeat(60))
    const long = await startEmbeddedPostgres({ directory: deep, log: quietLog, settings: { fsync: 'off' } })
    try {
      const databases = await open(long.connection)
      expect(await databases.healthy()).toBe(true)
      await databases.close()
    } finally {
      await long.stop()
    }
    rmSync(new URL(long.connection.replace('@/', '@h/')).searchParams.get('host') ?? '', { recursive: true })
  })

  test.if(process.getuid?.() === 0)('names the directory that keeps its user out', async () => {
    const closed = join(root, 'closed')
    mkdirSync(closed, { mode: 0o700 })
    const error = await startEmbeddedPostgres({ directory: join(closed, 'pg'), log: quietLog }).catch(String)
    expect(error).toContain(`chmod o+x ${closed}`)
  })
})
