import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, OTHER_PROJECT, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
beforeAll(async () => {
  api = await startComputeApi()
})
afterAll(() => api.stop())

const create = (flavor: object, v = '2.1') => api.ask('POST', '/flavors', { as: 'admin', v, body: { flavor } })
const SIZE = { ram: 128, vcpus: 1, disk: 1 }
const ids = (body: { flavors: { id: string }[] }) => body.flavors.map((flavor) => flavor.id)

describe('flavors', () => {
  test('are there from the start, in order of their ids', async () => {
    const { body } = await api.ask('GET', '/flavors')
    expect(ids(body)).toEqual(['1', '2', '3', '4', '42', '5'])
  })

  test('are created with an id of the cloud, or the given one', async () => {
    const made = await create({ name: 'made', id: 'auto', ...SIZE })
    expect(made.status).toBe(200)
    expect(made.body.flavor.id).toMatch(/^[0-9a-f-]{36}$/)
    expect((await create({ name: 'given', id: 'my.flavor 1', ...SIZE })).body.flavor.id).toBe('my.flavor 1')
    expect((await create({ name: 'number', id: 77, ...SIZE })).body.flavor.id).toBe('77')
    const link = (await api.ask('GET', '/flavors/my.flavor%201')).body.flavor.links[0].href
    expect(link).toBe(`${api.url}/v2.1/flavors/my.flavor%201`)
  })

  test('have names and ids of their own', async () => {
    await create({ name: 'once', id: 'once', ...SIZE })
    const byName = await create({ name: 'once', id: 'twice', ...SIZE })
    expect(byName.body.conflictingRequest.message).toBe('Flavor with name once already exists.')
    const byId = await create({ name: 'twice', id: 'once', ...SIZE })
    expect(byId.body.conflictingRequest.message).toBe('Flavor with ID once already exists.')
  })

  test.each([
    [{ name: '', ...SIZE }],
    [{ name: 'a', ...SIZE, ram: 0 }],
    [{ name: 'a', ...SIZE, ram: 2 ** 31 }],
    [{ name: 'a', ...SIZE, vcpus: '1.5' }],
    [{ name: 'a', ...SIZE, disk: -1 }],
    [{ name: 'a', ...SIZE, id: ' x' }],
    [{ name: 'a', ...SIZE, description: 'x' }],
    [{ name: 'a', ...SIZE, surplus: 1 }],
    [{ name: 'a', ram: 1, vcpus: 1 }],
  ])('are refused as %p', async (flavor) => expect((await create(flavor)).status).toBe(400))

  test('are deleted, and may then be made again', async () => {
    await create({ name: 'again', id: 'again', ...SIZE })
    const remove = () => api.ask('DELETE', '/flavors/again', { as: 'admin' })
    expect((await remove()).status).toBe(202)
    expect((await remove()).body.itemNotFound.message).toBe('Flavor again could not be found.')
    expect((await create({ name: 'again', id: 'again', ...SIZE })).status).toBe(200)
  })

  test('are listed in pages that link to the next one', async () => {
    const first = (await api.ask('GET', '/flavors?limit=2&sort_key=memory_mb&sort_dir=desc')).body
    expect(ids(first)).toEqual(['5', '4'])
    expect(first.flavors_links).toEqual([
      { rel: 'next', href: `${api.url}/v2.1/flavors?limit=2&marker=4&sort_dir=desc&sort_key=memory_mb` },
    ])
    const next = first.flavors_links[0].href.slice(`${api.url}/v2.1`.length)
    expect(ids((await api.ask('GET', next)).body)).toEqual(['3', '2'])
    expect((await api.ask('GET', '/flavors?limit=0')).body).toEqual({ flavors: [] })
    expect((await api.ask('GET', '/flavors?marker=nosuch')).status).toBe(400)
  })

  test.each(['limit=x', 'limit=-1', 'minRam=big', 'minDisk=x', 'sort_key=colour', 'sort_dir=up'])(
    'refuse the query %s',
    async (query) => expect((await api.ask('GET', `/flavors?${query}`)).status).toBe(400),
  )

  test('drop unknown keys of a query, and refuse them from 2.75 on', async () => {
    expect((await api.ask('GET', '/flavors?bogus=1', { v: '2.74' })).status).toBe(200)
    expect((await api.ask('GET', '/flavors?bogus=1', { v: '2.75' })).status).toBe(400)
  })

  test('are found by size', async () => {
    expect(ids((await api.ask('GET', '/flavors?minRam=8192')).body)).toEqual(['4', '5'])
  })
})

describe('a private flavor', () => {
  const access = (action: string, tenant: string, v = '2.1') =>
    api.ask('POST', '/flavors/secret/action', { as: 'admin', v, body: { [action]: { tenant } } })

  test('exists for the projects that were given it, and for admins', async () => {
    await create({ name: 'secret', id: 'secret', ...SIZE, 'os-flavor-access:is_public': false })
    expect((await api.ask('GET', '/flavors/secret')).status).toBe(404)
    expect((await api.ask('GET', '/flavors/secret', { as: 'admin' })).status).toBe(200)
    expect((await access('addTenantAccess', PROJECT)).body).toEqual({
      flavor_access: [{ flavor_id: 'secret', tenant_id: PROJECT }],
    })
    expect((await access('addTenantAccess', PROJECT)).status).toBe(409)
    expect((await api.ask('GET', '/flavors/secret')).status).toBe(200)
    expect(ids((await api.ask('GET', '/flavors')).body)).toContain('secret')
    expect((await api.ask('GET', '/flavors/secret', { as: 'stranger' })).status).toBe(404)
    expect(ids((await api.ask('GET', '/flavors', { as: 'stranger' })).body)).not.toContain('secret')
    expect((await access('removeTenantAccess', PROJECT)).body).toEqual({ flavor_access: [] })
    expect((await access('removeTenantAccess', PROJECT)).status).toBe(404)
    expect((await api.ask('GET', '/flavors/secret')).status).toBe(404)
  })

  test('is given to projects that exist', async () => {
    expect((await access('addTenantAccess', 'no such project')).status).toBe(400)
    expect((await access('addTenantAccess', OTHER_PROJECT)).status).toBe(200)
  })

  test('is listed for admins who ask for it', async () => {
    const list = async (query: string) => ids((await api.ask('GET', `/flavors${query}`, { as: 'admin' })).body)
    expect(await list('?is_public=None')).toEqual(expect.arrayContaining(['1', 'secret']))
    expect(await list('?is_public=false')).toEqual(['secret'])
    expect(await list('')).not.toContain('secret')
    expect((await api.ask('GET', '/flavors?is_public=perhaps', { as: 'admin' })).status).toBe(400)
  })

  test('is not what a public one is: that takes no access from 2.7 on', async () => {
    const add = (v: string) =>
      api.ask('POST', '/flavors/1/action', { as: 'admin', v, body: { addTenantAccess: { tenant: PROJECT } } })
    expect((await add('2.7')).status).toBe(409)
    expect((await add('2.6')).status).toBe(200)
    expect((await api.ask('GET', '/flavors/1/os-flavor-access', { as: 'admin' })).status).toBe(404)
  })
})

describe('extra specs', () => {
  const path = '/flavors/2/os-extra_specs'
  const as = 'admin'

  test('are set, shown and taken away', async () => {
    const set = await api.ask('POST', path, { as, body: { extra_specs: { 'hw:cpu_policy': 'shared', n: 5 } } })
    expect(set.body).toEqual({ extra_specs: { 'hw:cpu_policy': 'shared', n: '5' } })
    expect((await api.ask('PUT', `${path}/n`, { as, body: { n: '6' } })).body).toEqual({ n: '6' })
    expect((await api.ask('GET', path)).body).toEqual({ extra_specs: { 'hw:cpu_policy': 'shared', n: '6' } })
    expect((await api.ask('GET', `${path}/n`)).body).toEqual({ n: '6' })
    const removed = await api.ask('DELETE', `${path}/n`, { as })
    expect([removed.status, removed.body]).toEqual([200, undefined])
    expect((await api.ask('DELETE', `${path}/n`, { as })).status).toBe(404)
    expect((await api.ask('GET', `${path}/toString`)).status).toBe(404)
  })

  test('are refused where the key of the body is not that of the path, or not a key', async () => {
    expect((await api.ask('PUT', `${path}/a`, { as, body: { b: '1' } })).status).toBe(400)
    expect((await api.ask('PUT', `${path}/a`, { as, body: { a: '1', b: '1' } })).status).toBe(400)
    expect((await api.ask('POST', path, { as, body: { extra_specs: { 'a/b': '1' } } })).status).toBe(400)
    expect((await api.ask('POST', path, { as, body: { extra_specs: { a: null } } })).status).toBe(400)
    const bare = await api.ask('POST', path, { as, body: { extra_specs: { ok: '1', 'capabilities:vcpus_total': '>=' } } })
    expect([bare.status, JSON.stringify(bare.body)]).toEqual([400, expect.stringContaining('capabilities:vcpus_total')])
    expect(
      (await api.ask('POST', '/flavors/none/os-extra_specs', { as, body: { extra_specs: { a: '1' } } })).status,
    ).toBe(404)
  })

  test('that are misspelt are refused from 2.86 on', async () => {
    const body = { extra_specs: { 'hw:cpu_polcy': 'shared' } }
    expect((await api.ask('POST', path, { as, v: '2.86', body })).status).toBe(400)
    expect((await api.ask('POST', path, { as, v: '2.85', body })).status).toBe(200)
  })
})
