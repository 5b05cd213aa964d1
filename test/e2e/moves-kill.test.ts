import { afterAll, beforeAll, expect, test } from 'bun:test'
import { discrepancies, embeddedIn } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { type ServerCloud, serverCloud, startServerCloud } from '../support/server-cloud.ts'

/** What waits, and what a `kill -9` interrupts: each ends where somebody asked for it, and nothing is left over. */
let cloud: ServerCloud
beforeAll(async () => {
  cloud = await startServerCloud({
    hosts: 4,
    config: '[DEFAULT]\nreclaim_instance_interval = 3600\nreport_interval = 1\nsync_power_state_interval = 1\n',
  })
}, 60_000)
afterAll(() => cloud?.remove(), 60_000)

const booksBalance = async (): Promise<void> => {
  const { statePath } = cloud.cloud
  await eventually(async () => expect(await discrepancies(embeddedIn(statePath), statePath)).toEqual([]), 20)
}

test('a deleted server can be restored, is in no list meanwhile, and goes at once when that is forced', async () => {
  const listed = async (query = '') =>
    (await cloud.ask('GET', `/servers${query}`)).body.servers.map(({ id }: { id: string }) => id)
  const { id } = await cloud.active()
  expect((await cloud.ask('DELETE', `/servers/${id}`)).status).toBe(204)
  await cloud.settled(id, 'SOFT_DELETED')
  expect(await listed()).not.toContain(id)
  expect(await listed('?status=SOFT_DELETED')).toContain(id)
  expect((await cloud.act(id, { 'os-start': null })).status).toBe(409)

  expect((await cloud.act(id, { restore: null })).status).toBe(202)
  expect((await cloud.settled(id, 'ACTIVE'))['OS-EXT-STS:power_state']).toBe(1)
  expect(await listed()).toContain(id)
  expect((await cloud.act(id, { restore: null })).status).toBe(409)
  expect(await cloud.actions(id)).toEqual(['create', 'delete', 'restore'])

  expect((await cloud.act(id, { forceDelete: null })).status).toBe(202)
  await eventually(async () => expect((await cloud.ask('GET', `/servers/${id}`)).status).toBe(404))
  await booksBalance()
})

test('kill -9 in the midst of resizes, migrations and shelvings: after a restart each has come to its end', async () => {
  const { body } = await cloud.ask('POST', '/flavors', {
    as: cloud.admin,
    v: '2.1',
    body: { flavor: { name: 'larger', vcpus: 2, ram: 128, disk: 2 } },
  })
  const operations = [
    { action: { resize: { flavorRef: body.flavor.id } }, ends: ['VERIFY_RESIZE'] },
    { action: { 'os-migrateLive': { host: null, block_migration: 'auto' } }, ends: ['ACTIVE'] },
    // The image goes up through the process that dies: where it was half way, the server is what it was.
    { action: { shelve: null }, ends: ['SHELVED_OFFLOADED', 'ACTIVE'] },
    { action: { rebuild: { imageRef: cloud.image } }, ends: ['ACTIVE'] },
  ]
  const servers = await Promise.all(
    operations.flatMap((operation) => [1, 2, 3].map(async () => ({ ...operation, id: (await cloud.active()).id }))),
  )
  const asked = servers.map(({ id, action }) => cloud.act(id, action, { as: cloud.admin }))
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(servers.map(() => 202))
  await cloud.cloud.kill()

  cloud = await serverCloud(await cloud.cloud.restart())
  for (const { id, ends } of servers) {
    await eventually(async () => {
      const server = await cloud.show(id)
      expect([server['OS-EXT-STS:task_state'], ends.includes(server.status) ? ends : server.status]).toEqual([null, ends])
    }, 30)
  }
  await booksBalance()

  const resized = servers.filter(({ ends }) => ends[0] === 'VERIFY_RESIZE')
  await Promise.all(resized.map(({ id }) => cloud.act(id, { revertResize: null })))
  await cloud.cloud.kill()
  cloud = await serverCloud(await cloud.cloud.restart())
  for (const { id } of resized) await cloud.settled(id, 'ACTIVE')
  await booksBalance()
}, 120_000)
