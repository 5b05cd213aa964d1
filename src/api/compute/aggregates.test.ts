import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { reportServices } from '../../cells/index.ts'
import { type ComputeApi, IMAGE, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
beforeAll(async () => {
  api = await startComputeApi()
  await reportServices(api.cells.get('cell1'), 'nova-compute', ['cmp1', 'cmp2', 'cmp3'], new Date())
})
afterAll(() => api.stop())

const as = 'admin'
const create = (aggregate: object, v = '2.41') => api.ask('POST', '/os-aggregates', { as, v, body: { aggregate } })
const act = (id: number, body: object) => api.ask('POST', `/os-aggregates/${id}/action`, { as, body })
const idOf = async (aggregate: object): Promise<number> => (await create(aggregate)).body.aggregate.id

describe('aggregates', () => {
  test('are created, shown, renamed and deleted', async () => {
    const { body } = await create({ name: 'ssd' })
    expect(Object.keys(body.aggregate).sort()).toEqual([
      'availability_zone',
      'created_at',
      'deleted',
      'deleted_at',
      'id',
      'name',
      'updated_at',
      'uuid',
    ])
    const path = `/os-aggregates/${body.aggregate.id}`
    const shown = (await api.ask('GET', path, { as })).body.aggregate
    expect(shown).toMatchObject({ name: 'ssd', availability_zone: null, hosts: [], metadata: {} })
    expect('uuid' in shown).toBe(false)
    expect((await create({ name: 'ssd' })).body.conflictingRequest.message).toBe('Aggregate ssd already exists.')
    const renamed = await api.ask('PUT', path, { as, body: { aggregate: { name: 'nvme' } } })
    expect(renamed.body.aggregate.name).toBe('nvme')
    const removed = await api.ask('DELETE', path, { as })
    expect([removed.status, removed.body]).toEqual([200, undefined])
    expect((await api.ask('GET', path, { as })).status).toBe(404)
  })

  test.each([[{}], [{ name: '' }], [{ name: 'a', availability_zone: 'a:b' }], [{ name: 'a', colour: 1 }]])(
    'are refused as %p',
    async (aggregate) => expect((await create(aggregate)).status).toBe(400),
  )

  test('have numbers', async () => {
    for (const id of ['x', '1.5', '99999999999']) {
      expect((await api.ask('GET', `/os-aggregates/${id}`, { as })).status).toBe(400)
    }
    expect((await api.ask('GET', '/os-aggregates/9999', { as })).status).toBe(404)
    expect((await api.ask('GET', '/os-aggregates')).status).toBe(403)
  })

  test('have their hosts fetch images ahead, one task for each host and image', async () => {
    const id = await idOf({ name: 'ahead' })
    const images = (body: object, v = '2.81') => api.ask('POST', `/os-aggregates/${id}/images`, { as, v, body })
    const tasks = async () =>
      api.cells.global.sql`select subject, input from tasks where kind = 'image.cache' order by id`
    expect((await images({ cache: [{ id: IMAGE.id }] })).status).toBe(202)
    expect([...(await tasks())]).toEqual([])
    await act(id, { add_host: { host: 'cmp1' } })
    expect((await images({ cache: [{ id: IMAGE.id }] })).status).toBe(202)
    expect([...(await tasks())]).toEqual([{ subject: IMAGE.id, input: { host: 'cmp1' } }])
    expect((await images({ cache: [{ id: crypto.randomUUID() }] })).status).toBe(400)
    expect((await images({ cache: [] })).status).toBe(400)
    expect((await images({ cache: [{ id: IMAGE.id }] }, '2.80')).status).toBe(404)
    expect([...(await tasks())]).toHaveLength(1)
    await act(id, { remove_host: { host: 'cmp1' } })
  })

  test('have hosts that exist, each once, and cannot be deleted while they have any', async () => {
    const id = await idOf({ name: 'hosts' })
    expect((await act(id, { add_host: { host: 'cmp1' } })).body.aggregate.hosts).toEqual(['cmp1'])
    expect((await act(id, { add_host: { host: 'cmp1' } })).status).toBe(409)
    expect((await act(id, { add_host: { host: 'none' } })).status).toBe(404)
    expect((await api.ask('DELETE', `/os-aggregates/${id}`, { as })).status).toBe(400)
    expect((await act(id, { remove_host: { host: 'cmp1' } })).body.aggregate.hosts).toEqual([])
    expect((await act(id, { remove_host: { host: 'cmp1' } })).status).toBe(404)
  })

  test('have metadata, of which null takes a key away', async () => {
    const id = await idOf({ name: 'metadata' })
    const set = async (metadata: object) => (await act(id, { set_metadata: { metadata } })).body.aggregate.metadata
    expect(await set({ ssd: 'true', gpu: 'no' })).toEqual({ ssd: 'true', gpu: 'no' })
    expect(await set({ ssd: null })).toEqual({ gpu: 'no' })
    expect((await act(id, { set_metadata: { metadata: { a: 1 } } })).status).toBe(400)
  })
})

describe('an availability zone', () => {
  const zones = async () =>
    (await api.ask('GET', '/os-availability-zone')).body.availabilityZoneInfo.map(
      (zone: { zoneName: string }) => zone.zoneName,
    )

  test('is an aggregate that says so, once it has a host', async () => {
    const id = await idOf({ name: 'east', availability_zone: 'az-east' })
    expect(await zones()).toEqual(['nova'])
    await act(id, { add_host: { host: 'cmp1' } })
    expect(await zones()).toEqual(['az-east', 'nova'])
    const services = (await api.ask('GET', '/os-services?host=cmp1', { as })).body.services
    expect(services[0].zone).toBe('az-east')
    const server = await api.addServer({ host: 'cmp1' })
    const shown = (await api.ask('GET', `/servers/${server.id}`, { v: '2.96' })).body.server
    expect([shown['OS-EXT-AZ:availability_zone'], shown.pinned_availability_zone]).toEqual(['az-east', null])
  })

  test('can be asked for by a new server', async () => {
    const wanted = { name: 'x', flavorRef: '42', imageRef: IMAGE.id, availability_zone: 'az-east' }
    expect((await api.ask('POST', '/servers', { body: { server: wanted } })).status).toBe(202)
    const nowhere = { ...wanted, availability_zone: 'az-west' }
    expect((await api.ask('POST', '/servers', { body: { server: nowhere } })).status).toBe(400)
  })

  test('is the only one of its hosts, and not left by one that has servers', async () => {
    const west = await idOf({ name: 'west', availability_zone: 'az-west' })
    expect((await act(west, { add_host: { host: 'cmp1' } })).status).toBe(409)
    await act(west, { add_host: { host: 'cmp2' } })
    await api.addServer({ host: 'cmp2' })
    expect((await act(west, { remove_host: { host: 'cmp2' } })).status).toBe(409)
    const move = await api.ask('PUT', `/os-aggregates/${west}`, {
      as,
      body: { aggregate: { availability_zone: 'az-north' } },
    })
    expect(move.status).toBe(409)
    await api.addServer({ host: 'cmp3' })
    expect((await act(west, { add_host: { host: 'cmp3' } })).status).toBe(409)
  })
})
