import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { discrepancies, embeddedIn } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { type ServerCloud, startServerCloud } from '../support/server-cloud.ts'

/** Servers that go from host to host and from flavor to flavor, over HTTP and on simulated hosts. */
let cloud: ServerCloud
let larger: string
beforeAll(async () => {
  cloud = await startServerCloud()
  larger = await flavor({ vcpus: 2, ram: 128, disk: 2 })
}, 60_000)
afterAll(async () => {
  try {
    expect(await discrepancies(embeddedIn(cloud.cloud.statePath), cloud.cloud.statePath)).toEqual([])
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
