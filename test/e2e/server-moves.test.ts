import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { discrepancies, embeddedIn } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { type ServerCloud, startServerCloud } from '../support/server-cloud.ts'

/** Servers that go from host to host and from flavor to flavor, over HTTP and on simulated hosts. */
let cloud: ServerCloud
let larger: string
beforeAll(async () => {
  // Hosts tell often what they have, so that what an evacuation left is soon removed.
  cloud = await startServerCloud({ config: '[DEFAULT]\nreport_interval = 1\nsync_power_state_interval = 1\n' })
  larger = await flavor({ vcpus: 2, ram: 128, disk: 2 })
}, 60_000)
afterAll(async () => {
  try {
    const { statePath } = cloud.cloud
    await eventually(async () => expect(await discrepancies(embeddedIn(statePath), statePath)).toEqual([]), 15)
  } finally {
    await cloud.remove()
  }
}, 60_000)

let flavors = 0
async function flavor(size: { vcpus: number; ram: number; disk: number }): Promise<string> {
  const { body } = await cloud.ask('POST', '/flavors', {
    as: cloud.admin,
    v: '2.1',
    body: { flavor: { name: `size-${++flavors}`, ...size } },
  })
  return body.flavor.id
}

const HOST = 'OS-EXT-SRV-ATTR:host'
const used = async (): Promise<{ cores: number; ram: number }> => {
  const { body } = await cloud.ask('GET', '/limits')
  return { cores: body.limits.absolute.totalCoresUsed, ram: body.limits.absolute.totalRAMUsed }
}
const migrationsOf = async (id: string): Promise<Record<string, unknown>[]> =>
  (await cloud.ask('GET', `/os-migrations?instance_uuid=${id}`, { as: cloud.admin })).body.migrations

describe('a resize', () => {
  test('waits on another host for its confirmation, and counts as the larger of both until then', async () => {
    const before = await used()
    const server = await cloud.active()
    expect((await cloud.act(server.id, { resize: { flavorRef: larger } })).status).toBe(202)
    const resized = await cloud.settled(server.id, 'VERIFY_RESIZE')
    expect(resized[HOST]).not.toBe(server[HOST])
    expect(resized.flavor).toMatchObject({ vcpus: 2, ram: 128 })
    expect(await used()).toEqual({ cores: before.cores + 2, ram: before.ram + 128 })

    expect((await cloud.act(server.id, { confirmResize: null })).status).toBe(204)
    expect((await cloud.settled(server.id, 'ACTIVE'))[HOST]).toBe(resized[HOST])
    expect(await cloud.actions(server.id)).toEqual(['create', 'resize', 'confirmResize'])
    expect((await cloud.act(server.id, { confirmResize: null })).body.conflictingRequest.message).toBe(
      `Cannot 'confirm_resize' instance ${server.id} while it is in vm_state active`,
    )
    await eventually(async () => expect(await used()).toEqual({ cores: before.cores + 2, ram: before.ram + 128 }))
  })

  test('that is reverted leaves the server where and what it was, on or off', async () => {
    for (const status of ['ACTIVE', 'SHUTOFF']) {
      const before = await used()
      const server = await cloud.active()
      if (status === 'SHUTOFF') {
        await cloud.act(server.id, { 'os-stop': null })
        await cloud.settled(server.id, 'SHUTOFF')
      }
      await cloud.act(server.id, { resize: { flavorRef: larger } })
      await cloud.settled(server.id, 'VERIFY_RESIZE')
      expect((await cloud.act(server.id, { revertResize: null })).status).toBe(202)
      const back = await cloud.settled(server.id, status)
      expect(back[HOST]).toBe(server[HOST])
      expect(back.flavor).toMatchObject({ vcpus: 1, ram: 64 })
      await eventually(async () => expect(await used()).toEqual({ cores: before.cores + 1, ram: before.ram + 64 }))
    }
  })

  test('can be deleted before it is decided', async () => {
    const { id } = await cloud.active()
    await cloud.act(id, { resize: { flavorRef: larger } })
    await cloud.settled(id, 'VERIFY_RESIZE')
    expect((await cloud.ask('DELETE', `/servers/${id}`)).status).toBe(204)
    await eventually(async () => expect((await cloud.ask('GET', `/servers/${id}`)).status).toBe(404))
  })

  test('is refused for the same flavor, a smaller disk, one that is not there, and beyond the quota', async () => {
    const { id } = await cloud.active()
    const resize = async (flavorRef: string) => (await cloud.act(id, { resize: { flavorRef } })).status
    expect(await resize(cloud.flavor)).toBe(400)
    expect(await resize(await flavor({ vcpus: 1, ram: 64, disk: 0 }))).toBe(400)
    expect(await resize('nowhere')).toBe(400)
    const project = (await cloud.show(id) as unknown as { tenant_id: string }).tenant_id
    const limit = (cores: number) =>
      cloud.ask('PUT', `/os-quota-sets/${project}`, { as: cloud.admin, v: '2.57', body: { quota_set: { cores, force: true } } })
    await limit((await used()).cores)
    const refused = await cloud.act(id, { resize: { flavorRef: larger } })
    await limit(-1)
    expect(refused.status).toBe(403)
    expect(refused.body.forbidden.message).toMatch(/^Quota exceeded for cores: Requested 1, but already used \d+ of \d+ cores$/)
    await cloud.settled(id, 'ACTIVE')
  })

  test('that finds no host leaves the server as it is, and says so in its log', async () => {
    const { id } = await cloud.active()
    const before = await used()
    const huge = await flavor({ vcpus: 64, ram: 2 ** 24, disk: 2 })
    expect((await cloud.act(id, { resize: { flavorRef: huge } })).status).toBe(202)
    await eventually(async () => expect(await cloud.actions(id)).toEqual(['create', 'resize: Error']))
    await cloud.settled(id, 'ACTIVE')
    expect((await migrationsOf(id)).map(({ status }) => status)).toEqual(['error'])
    await eventually(async () => expect(await used()).toEqual(before))
  })
})

describe('a cold migration', () => {
  test('goes where an admin wants it, from 2.56 on', async () => {
    const server = await cloud.active()
    const { body } = await cloud.ask('GET', '/os-hypervisors', { as: cloud.admin })
    const other = body.hypervisors.map((each: { hypervisor_hostname: string }) => each.hypervisor_hostname)
      .find((name: string) => name !== server[HOST])
    expect((await cloud.act(server.id, { migrate: { host: other } })).status).toBe(403)
    expect((await cloud.act(server.id, { migrate: { host: server[HOST] } }, { as: cloud.admin })).status).toBe(400)
    expect((await cloud.act(server.id, { migrate: { host: 'nowhere' } }, { as: cloud.admin })).status).toBe(400)
    expect((await cloud.act(server.id, { migrate: { host: other } }, { as: cloud.admin })).status).toBe(202)
    expect((await cloud.settled(server.id, 'VERIFY_RESIZE'))[HOST]).toBe(other)
    expect(await migrationsOf(server.id)).toMatchObject([
      { migration_type: 'migration', status: 'finished', source_compute: server[HOST], dest_compute: other },
    ])
    await cloud.act(server.id, { confirmResize: null })
    await cloud.settled(server.id, 'ACTIVE')
    expect((await migrationsOf(server.id)).map(({ status }) => status)).toEqual(['confirmed'])
    expect(await cloud.actions(server.id)).toEqual(['create', 'migrate', 'confirmResize'])
  })
})

describe('a live migration', () => {
  test('moves a server that runs, and is shown with what has gone over', async () => {
    const server = await cloud.active()
    const live = { host: null, block_migration: 'auto' }
    expect((await cloud.act(server.id, { 'os-migrateLive': live })).status).toBe(403)
    expect((await cloud.act(server.id, { 'os-migrateLive': live }, { as: cloud.admin })).status).toBe(202)
    const moved = await eventually(async () => {
      const seen = await cloud.settled(server.id, 'ACTIVE')
      expect(seen[HOST]).not.toBe(server[HOST])
      return seen
    })
    expect(await migrationsOf(server.id)).toMatchObject([
      { migration_type: 'live-migration', status: 'completed', source_compute: server[HOST], dest_compute: moved[HOST] },
    ])
    expect((await cloud.ask('GET', `/servers/${server.id}/migrations`, { as: cloud.admin })).body).toEqual({ migrations: [] })
    expect(await cloud.actions(server.id)).toEqual(['create', 'live-migration'])
  })

  test('that cannot be done as it is asked for leaves the server where it is', async () => {
    const server = await cloud.active()
    // These hosts share no storage.
    const body = { 'os-migrateLive': { host: null, block_migration: false } }
    expect((await cloud.act(server.id, body, { as: cloud.admin })).status).toBe(202)
    await eventually(async () => expect(await cloud.actions(server.id)).toEqual(['create', 'live-migration: Error']))
    expect((await cloud.settled(server.id, 'ACTIVE'))[HOST]).toBe(server[HOST])
    expect((await migrationsOf(server.id)).map(({ status }) => status)).toEqual(['error'])
  })

  test('takes the fields of its version, and a server that runs or is paused', async () => {
    const { id } = await cloud.active()
    const ask = (live: object, v: string) => cloud.act(id, { 'os-migrateLive': live }, { as: cloud.admin, v })
    expect((await ask({ host: null, block_migration: 'auto' }, '2.24')).status).toBe(400)
    expect((await ask({ host: null, block_migration: true, disk_over_commit: false }, '2.25')).status).toBe(400)
    expect((await ask({ host: null, block_migration: 'auto', force: true }, '2.29')).status).toBe(400)
    expect((await ask({ host: null, block_migration: 'auto', force: true }, '2.68')).status).toBe(400)
    expect((await ask({ host: 'nowhere', block_migration: 'auto' }, '2.68')).status).toBe(400)
    expect((await ask({ host: null, block_migration: true, disk_over_commit: false }, '2.24')).status).toBe(202)
    await cloud.settled(id, 'ACTIVE')
    await cloud.act(id, { 'os-stop': null })
    await cloud.settled(id, 'SHUTOFF')
    expect((await ask({ host: null, block_migration: 'auto' }, '2.68')).status).toBe(409)
  })
})

describe('a shelved server', () => {
  test('leaves its host, and comes back on any from its image, which is gone then', async () => {
    const server = await cloud.active()
    expect((await cloud.act(server.id, { shelve: null })).status).toBe(202)
    const offloaded = await cloud.settled(server.id, 'SHELVED_OFFLOADED')
    expect(offloaded[HOST]).toBeNull()
    const images = () => cloud.demo.get<{ images: unknown[] }>(`/image/v2/images?instance_uuid=${server.id}`)
    expect((await images()).images).toMatchObject([{ name: 'web-shelved', status: 'active' }])

    expect((await cloud.act(server.id, { unshelve: { availability_zone: 'nowhere' } })).status).toBe(400)
    expect((await cloud.act(server.id, { unshelve: { host: server[HOST] } })).status).toBe(403)
    const back = { unshelve: { host: server[HOST] } }
    expect((await cloud.act(server.id, back, { as: cloud.admin })).status).toBe(202)
    expect((await cloud.settled(server.id, 'ACTIVE'))[HOST]).toBe(server[HOST])
    await eventually(async () => expect((await images()).images).toEqual([]))
    expect(await cloud.actions(server.id)).toEqual(['create', 'shelve', 'unshelve'])
  })

  test('takes its image with it when it is deleted', async () => {
    const { id } = await cloud.active()
    await cloud.act(id, { shelve: null })
    await cloud.settled(id, 'SHELVED_OFFLOADED')
    await cloud.ask('DELETE', `/servers/${id}`)
    await eventually(async () => expect((await cloud.ask('GET', `/servers/${id}`)).status).toBe(404))
    const { images } = await cloud.demo.get<{ images: unknown[] }>(`/image/v2/images?instance_uuid=${id}`)
    expect(images).toEqual([])
  })
})

test('an evacuation is refused while the host is up, and forced down lets it go', async () => {
  const server = await cloud.active()
  const evacuate = (body: object, v = '2.95') => cloud.act(server.id, { evacuate: body }, { as: cloud.admin, v })
  const refused = await evacuate({})
  expect(refused.body.badRequest.message).toBe(`Compute service of ${server[HOST]} is still in use.`)
  const { body } = await cloud.ask('GET', `/os-services?host=${server[HOST]}&binary=nova-compute`, { as: cloud.admin })
  const down = (forced_down: boolean) =>
    cloud.ask('PUT', `/os-services/${body.services[0].id}`, { as: cloud.admin, body: { forced_down } })
  await down(true)
  const { status, body: answer } = await evacuate({})
  expect([status, answer]).toEqual([200, null])
  // Since 2.95 it stays off, for its owner to look at.
  const away = await cloud.settled(server.id, 'SHUTOFF')
  expect(away[HOST]).not.toBe(server[HOST])
  expect((await migrationsOf(server.id)).map(({ status }) => status)).toEqual(['done'])
  await down(false)
  expect(await cloud.actions(server.id)).toEqual(['create', 'evacuate'])
})
