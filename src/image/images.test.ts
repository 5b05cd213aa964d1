import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quietLog, testDatabases, type TestDatabases } from '../../test/support/database.ts'
import { type Clock, newId, type RequestContext, systemClock } from '../kernel/index.ts'
import type { GlobalDb } from '../platform/db/index.ts'
import { createGrants } from './grants.ts'
import type { ImageFields } from './image.ts'
import { createImages, type Images } from './index.ts'

const START_TIMEOUT_MS = 60_000
const ctx: RequestContext = {
  requestId: 'req-1',
  userId: 'u1',
  userName: 'u',
  userDomainId: 'default',
  projectId: 'p1',
  projectName: 'p',
  projectDomainId: 'default',
  roles: ['member', 'reader'],
  isAdmin: false,
  systemScope: null,
}
const fields: ImageFields = {
  name: 'i',
  visibility: 'private',
  protected: false,
  hidden: false,
  owner: 'p1',
  disk_format: 'raw',
  container_format: 'bare',
  min_disk_gb: 0,
  min_ram_mb: 0,
  tags: [],
  properties: {},
}

let databases: TestDatabases
const directory = mkdtempSync(join(tmpdir(), 'images-'))
beforeAll(async () => {
  databases = await testDatabases()
}, START_TIMEOUT_MS)
afterAll(async () => {
  await databases.drop()
  rmSync(directory, { recursive: true })
})

const open = (more: { db?: GlobalDb; clock?: Clock } = {}): Promise<Images> =>
  createImages({
    db: databases.global,
    directory,
    clock: systemClock,
    log: quietLog,
    grantKey: Buffer.from('key'),
    maxBytes: 1000,
    ...more,
  })
const bytes = (text: string) => new Blob([text]).stream() as ReadableStream<Uint8Array>
const filesOf = (id: string) => readdirSync(directory).filter((name) => name.startsWith(id))

describe('after a crash', () => {
  async function leftBehind(status: string, ...files: string[]): Promise<string> {
    const images = await open()
    const { id } = await images.create(ctx, fields)
    await databases.global.sql`update images set status = ${status} where id = ${id}`
    for (const suffix of files) writeFileSync(join(directory, `${id}${suffix}`), 'half')
    return id
  }

  test.each([
    ['before the first byte', ['.part']],
    ['between rename and commit', ['']],
  ])('an upload that ended %s is queued again and its file is gone', async (_when, files) => {
    const id = await leftBehind('saving', ...files)
    const images = await open()
    expect((await images.show(ctx, id)).status).toBe('queued')
    expect(filesOf(id)).toEqual([])
    await images.upload(ctx, id, bytes('whole'))
    expect((await images.show(ctx, id)).size_bytes).toBe(5)
  })

  test('files of deleted images go, those of complete ones and of others stay', async () => {
    const stray = newId()
    writeFileSync(join(directory, stray), 'x')
    writeFileSync(join(directory, 'README'), 'x')
    const kept = await leftBehind('active', '')
    const deactivated = await leftBehind('deactivated', '')
    await open()
    expect([filesOf(stray), filesOf(kept), filesOf(deactivated)]).toEqual([[], [kept], [deactivated]])
    expect(existsSync(join(directory, 'README'))).toBe(true)
  })
})

test('an upload that fails without a database is put right when the database is back', async () => {
  let down = false
  const sql = databases.global.sql
  // A statement on a connection that is gone: the driver rejects it.
  const broken = new Proxy(sql, {
    apply: (target, self, args) =>
      down ? Promise.reject(new Error('connection lost')) : (Reflect.apply(target as never, self, args) as unknown),
  })
  const sleeps: (() => void)[] = []
  const clock: Clock = { now: () => Date.now(), sleep: () => new Promise((resolve) => sleeps.push(resolve)) }
  const images = await open({ db: { ...databases.global, sql: broken }, clock })
  const { id } = await images.create(ctx, fields)
  const failing = new ReadableStream<Uint8Array>(
    {
      pull(out) {
        down = true
        out.error(new Error('sender went away'))
      },
    },
    { highWaterMark: 0 },
  )
  await expect(images.upload(ctx, id, failing)).rejects.toThrow('The upload ended before the image did.')
  expect(filesOf(id)).toEqual([`${id}.part`])
  while (sleeps.length < 1) await Bun.sleep(1)
  sleeps.shift()!()
  while (sleeps.length < 1) await Bun.sleep(1)
  expect(filesOf(id)).toEqual([`${id}.part`])
  down = false
  sleeps.shift()!()
  while (filesOf(id).length > 0) await Bun.sleep(1)
  expect((await images.show(ctx, id)).status).toBe('queued')
  await images.close()
})

test('changes at once do not undo each other', async () => {
  const images = await open()
  const { id } = await images.create(ctx, fields)
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      images.change(ctx, id, (image) => ({ ...fields, tags: [...image.tags, `t${index}`] })),
    ),
  )
  expect((await images.show(ctx, id)).tags).toHaveLength(20)
})

test('an image whose file is missing is unavailable, not empty', async () => {
  const images = await open()
  const { id } = await images.create(ctx, fields)
  await images.upload(ctx, id, bytes('x'))
  rmSync(join(directory, id))
  await expect(images.download(ctx, id)).rejects.toThrow('The data of the image is missing.')
})

test('facts for compute are those of images the caller may see', async () => {
  const images = await open()
  const { id } = await images.create(ctx, { ...fields, name: null, properties: { os: 'x' } })
  expect(await images.factsFor(ctx, id)).toMatchObject({ id, name: '', status: 'queued', properties: { os: 'x' } })
  expect(await images.factsFor({ ...ctx, projectId: 'p2' }, id)).toBeNull()
  expect(await images.factsFor(ctx, 'no id')).toBeNull()
})

test('a permission is for one image, from one key, for an hour', () => {
  let now = 1_000_000
  const clock: Clock = { ...systemClock, now: () => now }
  const grants = createGrants(Buffer.from('key'), clock)
  const grant = grants.issue('a')
  const [expiry, mac] = grant.split('.') as [string, string]
  expect(grants.verify('a', grant)).toBe(true)
  expect(grants.verify('b', grant)).toBe(false)
  expect(createGrants(Buffer.from('other'), clock).verify('a', grant)).toBe(false)
  expect(grants.verify('a', `${Number(expiry) + 1}.${mac}`)).toBe(false)
  for (const text of ['', '.', grant.slice(0, -1), `${grant}x`, `${grant}\n`])
    expect(grants.verify('a', text)).toBe(false)
  now += 3_600_000
  expect(grants.verify('a', grant)).toBe(false)
})
