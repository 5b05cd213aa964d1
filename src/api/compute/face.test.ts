import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, OTHER_PROJECT, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'
import { MAX_VERSION } from './version.ts'

let api: ComputeApi
beforeAll(async () => {
  api = await startComputeApi()
})
afterAll(() => api.stop())

describe('version documents', () => {
  test('are shown without a token, at the address the client used', async () => {
    const root = await api.ask('GET', '!/', { as: null })
    expect(root.status).toBe(200)
    expect(root.body.versions.map((each: { id: string }) => each.id)).toEqual(['v2.0', 'v2.1'])
    expect(root.body.versions[1]).toEqual({
      id: 'v2.1',
      status: 'CURRENT',
      version: `2.${MAX_VERSION}`,
      min_version: '2.1',
      updated: '2013-07-23T11:33:21Z',
      links: [{ rel: 'self', href: `${api.url}/v2.1/` }],
    })
  })

  test.each(['!/v2.1', '!/v2.1/', '!/v2', '!/v2/'])('stand at %s too', async (path) => {
    const { status, body } = await api.ask('GET', path, { as: null })
    expect(status).toBe(200)
    expect(body.version.id).toBe(path.includes('2.1') ? 'v2.1' : 'v2.0')
    expect(Object.keys(body.version).sort()).toEqual([
      'id',
      'links',
      'media-types',
      'min_version',
      'status',
      'updated',
      'version',
    ])
  })
})

describe('every answer', () => {
  test('says which microversion it speaks, which request it is, and on what it depends', async () => {
    const { headers } = await api.ask('GET', '/flavors', { v: '2.53' })
    expect(headers.get('openstack-api-version')).toBe('compute 2.53')
    expect(headers.get('x-openstack-nova-api-version')).toBe('2.53')
    expect(headers.get('vary')).toBe('OpenStack-API-Version, X-OpenStack-Nova-API-Version')
    expect(headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/)
    expect(headers.get('x-compute-request-id')).toBe(headers.get('x-openstack-request-id'))
    expect(headers.get('content-type')).toBe('application/json')
  })

  test('does so for a fault too', async () => {
    const { status, headers } = await api.ask('GET', '/flavors/none', { v: '2.53' })
    expect(status).toBe(404)
    expect(headers.get('openstack-api-version')).toBe('compute 2.53')
  })

  test('of /v2 speaks no microversion, whatever is asked for', async () => {
    const { headers, body } = await api.ask('GET', '!/v2/flavors/1', { v: '2.75' })
    expect(headers.get('openstack-api-version')).toBeNull()
    expect(headers.get('vary')).toBeNull()
    expect(body.flavor.swap).toBe('')
    expect(body.flavor.links[0].href).toBe(`${api.url}/v2/flavors/1`)
  })
})

describe('a request is refused', () => {
  test('without a token, with the address where to get one', async () => {
    const { status, headers, body } = await api.ask('GET', '/servers', { as: null })
    expect(status).toBe(401)
    expect(body.unauthorized.code).toBe(401)
    expect(headers.get('www-authenticate')).toBe(`Keystone uri="${api.url.replace('/compute', '/identity')}"`)
  })

  test('for a version that is not offered', async () => {
    const { status, body } = await api.ask('GET', '/servers', { v: '2.999' })
    expect(status).toBe(406)
    expect(body.computeFault.code).toBe(406)
  })

  test('for a version that is none', async () => {
    const { status, body } = await api.ask('GET', '/servers', { v: 'two' })
    expect(status).toBe(400)
    expect(Object.keys(body)).toEqual(['badRequest'])
  })

  test('for the project of somebody else in the path', async () => {
    expect((await api.ask('GET', `/${PROJECT}/flavors`)).status).toBe(200)
    expect((await api.ask('GET', `/${OTHER_PROJECT}/flavors`)).status).toBe(400)
  })

  test('for a path or a method that does not exist', async () => {
    expect((await api.ask('GET', '/nothing')).body.itemNotFound.code).toBe(404)
    expect((await api.ask('PATCH', '/servers')).body.badMethod.code).toBe(405)
  })

  test('outside the versions of its route', async () => {
    const body = { flavor: { description: 'x' } }
    expect((await api.ask('PUT', '/flavors/1', { as: 'admin', v: '2.54', body })).status).toBe(404)
    expect((await api.ask('PUT', '/flavors/1', { as: 'admin', v: '2.55', body })).status).toBe(200)
    expect((await api.ask('GET', '/os-hypervisors/statistics', { as: 'admin', v: '2.88' })).status).toBe(404)
  })

  test('with a body that is not JSON, too large, or of another kind', async () => {
    const send = (body: string, type = 'application/json') =>
      api.ask('POST', '/os-keypairs', { body, headers: { 'Content-Type': type } })
    expect((await send('{')).body.badRequest.code).toBe(400)
    expect((await send('')).status).toBe(400)
    expect((await send('null')).status).toBe(400)
    expect((await send('[]')).status).toBe(400)
    expect((await send(`"${'x'.repeat(200_000)}"`)).body.overLimit.code).toBe(413)
    expect((await send('<a/>', 'application/xml')).body.badMediaType.code).toBe(415)
  })

  test('when identity headers come from outside: they mean nothing', async () => {
    const headers = { 'X-User-Id': 'admin-user', 'X-Roles': 'admin', 'X-Project-Id': OTHER_PROJECT }
    expect((await api.ask('GET', '/os-services', { as: 'reader', headers })).status).toBe(403)
    expect((await api.ask('GET', '/os-services', { as: null, headers })).status).toBe(401)
  })
})

describe('policy', () => {
  test.each([
    ['nobody', 'GET', '/servers', 403],
    ['reader', 'GET', '/servers', 200],
    ['reader', 'GET', '/servers?all_tenants=1', 403],
    ['admin', 'GET', '/servers?all_tenants=1', 200],
    ['reader', 'GET', '/os-services', 403],
    ['member', 'GET', '/os-hypervisors', 403],
    ['admin', 'GET', '/os-hypervisors', 200],
    ['reader', 'GET', '/os-availability-zone', 200],
    ['reader', 'GET', '/os-availability-zone/detail', 403],
    ['nobody', 'GET', '/limits', 200],
    ['reader', 'GET', `/limits?tenant_id=${OTHER_PROJECT}`, 403],
    ['stranger', 'GET', `/os-quota-sets/${PROJECT}`, 403],
    ['nobody', 'GET', `/os-quota-sets/${PROJECT}/defaults`, 200],
    ['reader', 'DELETE', '/flavors/1', 403],
  ] as const)('lets %s %s %s with %d', async (as, method, path, status) => {
    expect((await api.ask(method, path, { as })).status).toBe(status)
  })

  test('names the rule that says no', async () => {
    const { body } = await api.ask('GET', '/os-services', { as: 'reader' })
    expect(body.forbidden.message).toBe("Policy doesn't allow os_compute_api:os-services:list to be performed.")
  })
})

test('the list of extensions is the frozen one', async () => {
  const { body } = await api.ask('GET', '/extensions')
  expect(body.extensions.length).toBe(99)
  expect((await api.ask('GET', '/extensions/os-agents')).body.extension.name).toBe('Agents')
  expect((await api.ask('GET', '/extensions/os-nothing')).status).toBe(404)
})
