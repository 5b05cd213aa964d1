import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ADMIN_PASSWORD, DEMO_PASSWORD, login, START_TIMEOUT_MS } from '../../../test/support/identity.ts'
import { askForToken, serveIdentity, type TestIdentityApi } from '../../../test/support/identity-api.ts'

let api: TestIdentityApi
let admin: string
let demo: string

beforeAll(async () => {
  api = await serveIdentity()
  admin = (await login(api.identity, 'admin', ADMIN_PASSWORD, 'admin')).token
  demo = (await login(api.identity, 'demo', DEMO_PASSWORD, 'demo')).token
}, START_TIMEOUT_MS)
afterAll(() => api.stop())

describe('a member', () => {
  const id = 'f'.repeat(32)
  test.each([
    ['GET', '/v3/users'],
    ['POST', '/v3/users'],
    ['GET', `/v3/users/${id}`],
    ['PATCH', `/v3/users/${id}`],
    ['DELETE', `/v3/users/${id}`],
    ['GET', `/v3/users/${id}/projects`],
    ['GET', `/v3/users/${id}/application_credentials`],
    ['POST', `/v3/users/${id}/application_credentials`],
    ['GET', `/v3/users/${id}/credentials/OS-EC2`],
    ['POST', `/v3/users/${id}/credentials/OS-EC2`],
    ['GET', '/v3/projects'],
    ['POST', '/v3/projects'],
    ['GET', `/v3/projects/${id}`],
    ['PATCH', `/v3/projects/${id}`],
    ['DELETE', `/v3/projects/${id}`],
    ['GET', '/v3/domains'],
    ['POST', '/v3/domains'],
    ['DELETE', '/v3/domains/default'],
    ['GET', '/v3/roles'],
    ['POST', '/v3/roles'],
    ['DELETE', `/v3/roles/${id}`],
    ['PUT', `/v3/roles/${id}/implies/${id}`],
    ['GET', '/v3/role_assignments'],
    ['PUT', `/v3/projects/${id}/users/${id}/roles/${id}`],
    ['PUT', `/v3/system/users/${id}/roles/${id}`],
    ['DELETE', `/v3/domains/${id}/users/${id}/roles/${id}`],
    ['GET', '/v3/services'],
    ['GET', '/v3/endpoints'],
    ['GET', '/v3/groups'],
    ['POST', '/v3/groups'],
    ['PUT', `/v3/groups/${id}/users/${id}`],
    ['PUT', `/v3/projects/${id}/groups/${id}/roles/${id}`],
  ])('may not %s %s, whether it exists or not', async (method, path) => {
    const { status, body } = await api.request(method, path, { token: demo, body: method === 'GET' ? undefined : {} })
    expect([status, body.error.title]).toEqual([403, 'Forbidden'])
    expect((await api.request(method, path, { body: method === 'GET' ? undefined : {} })).status).toBe(401)
  })

  test('sees itself, its projects, its project and the catalog', async () => {
    const { user, scope } = api.identity.verify(demo)
    const project = scope.kind === 'project' ? scope.project.id : ''
    const paths = [
      `/v3/users/${user.id}`,
      `/v3/users/${user.id}/projects`,
      `/v3/projects/${project}`,
      '/v3/auth/projects',
      '/v3/auth/domains',
      '/v3/auth/system',
      '/v3/auth/catalog',
      '/v3/domains/default',
      '/v3/regions',
    ]
    for (const path of paths) {
      const { status } = await api.request('GET', path, { token: demo })
      expect([path, status]).toEqual([path, 200])
    }
    const { body } = await api.request('GET', '/v3/auth/projects', { token: demo })
    expect(body.projects.map((each: { name: string }) => each.name)).toEqual(['demo'])
  })

  test('changes the own password with the original one', async () => {
    const body = { user: { name: 'eve', password: 'one' } }
    const { user } = (await api.request('POST', '/v3/users', { token: admin, body })).body
    const change = (original_password: string, password: string) =>
      api.request('POST', `/v3/users/${user.id}/password`, { body: { user: { original_password, password } } })
    expect((await change('wrong', 'two')).status).toBe(401)
    expect((await change('one', 'two')).status).toBe(204)
    expect((await askForToken(api, { user: 'eve', password: 'two' })).status).toBe(201)
  })
})

describe('an administrator', () => {
  test('keeps own attributes with users and projects, and removes them by null', async () => {
    for (const [kind, list] of [['user', 'users'], ['project', 'projects']] as const) {
      const send = (method: string, path: string, fields: object) =>
        api.request(method, `/v3/${list}${path}`, { token: admin, body: { [kind]: fields } })
      const made = await send('POST', '', { name: `${kind}-with-colour`, colour: 'blue', size: 3 })
      expect(made.status).toBe(201)
      expect(made.body[kind]).toMatchObject({ colour: 'blue', size: 3 })
      const changed = await send('PATCH', `/${made.body[kind].id}`, { colour: null, description: 'd' })
      expect(changed.body[kind]).toMatchObject({ size: 3, description: 'd', name: `${kind}-with-colour` })
      expect('colour' in changed.body[kind]).toBe(false)
    }
  })

  test('cannot pass attributes off as fields', async () => {
    const body = { user: { name: 'mallory', id: 'chosen', links: 'x', password_hash: 'x', __x: 'y' } }
    const { body: made } = await api.request('POST', '/v3/users', { token: admin, body })
    expect(made.user.id).toMatch(/^[0-9a-f]{32}$/)
    expect(made.user.links).toEqual({ self: `${api.url}/v3/users/${made.user.id}` })
  })

  test.each([
    ['/v3/users', { user: { name: '' } }],
    ['/v3/users', { user: { name: '   ' } }],
    ['/v3/users', { user: { name: 'x'.repeat(256) } }],
    ['/v3/users', { user: { name: 'x', enabled: 'yes' } }],
    ['/v3/users', { user: { name: 'x', options: { lock_password: true } } }],
    ['/v3/users', { user: { name: 'x', nested: { a: 1 } } }],
    ['/v3/users', { user: { name: 'x', a: 'x'.repeat(1024), ...many(20, 'x'.repeat(1000)) } }],
    ['/v3/users', { user: { name: 'x', domain_id: 'nowhere' } }],
    ['/v3/users', {}],
    ['/v3/projects', { project: { name: 'x'.repeat(65) } }],
    ['/v3/projects', { project: { name: 'x', is_domain: true } }],
    ['/v3/projects', { project: { name: 'x', tags: ['a,b'] } }],
    ['/v3/projects', { project: { name: 'x', tags: ['a', 'a'] } }],
    ['/v3/projects', { project: { name: 'x', parent_id: 'nowhere' } }],
    ['/v3/domains', { domain: { name: 'x', surprise: 1 } }],
    ['/v3/roles', { role: { name: 'x', domain_id: 'default' } }],
    ['/v3/roles', { role: { name: 7 } }],
  ])('is told what is wrong with POST %s %j', async (path, body) => {
    const answer = await api.request('POST', path, { token: admin, body })
    expect([answer.status, answer.body.error.title]).toEqual([400, 'Bad Request'])
    expect(answer.body.error.message.length).toBeLessThan(300)
  })

  test('cannot move a user or project to another domain', async () => {
    for (const path of ['users', 'projects']) {
      const { body } = await api.request('GET', `/v3/${path}?name=demo`, { token: admin })
      const change = { [path.slice(0, -1)]: { domain_id: 'other' } }
      const answer = await api.request('PATCH', `/v3/${path}/${body[path][0].id}`, { token: admin, body: change })
      expect(answer.status).toBe(400)
    }
  })

  test('lists what a filter lets through', async () => {
    const names = async (path: string) => {
      const { body } = await api.request('GET', path, { token: admin })
      return body.users.map((user: { name: string }) => user.name)
    }
    expect(await names('/v3/users?name=admin')).toEqual(['admin'])
    expect(await names('/v3/users?name=admin&enabled=false')).toEqual([])
    expect(await names('/v3/users?domain_id=elsewhere')).toEqual([])
    const page = await api.request('GET', '/v3/users?limit=1', { token: admin })
    expect([page.body.users.length, page.body.truncated]).toEqual([1, true])
    expect(await names(`/v3/users?limit=1&marker=${page.body.users[0].id}`)).toEqual(['demo'])
    for (const bad of ['limit=x', 'limit=-1', `name=${'x'.repeat(256)}`, 'name=%00']) {
      expect((await api.request('GET', `/v3/users?${bad}`, { token: admin })).status).toBe(400)
    }
  })

  test('finds nothing under ids that cannot be', async () => {
    for (const id of ['x', 'None', '%27%20or%201=1', 'x'.repeat(2000)]) {
      for (const path of ['users', 'projects', 'domains', 'roles', 'groups', 'services', 'endpoints', 'regions']) {
        const { status } = await api.request('GET', `/v3/${path}/${encodeURIComponent(id)}`, { token: admin })
        expect([path, id, status]).toEqual([path, id, 404])
      }
    }
  })
})

function many(count: number, value: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`key-${n}`, value]))
}
