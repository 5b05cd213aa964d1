import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { ADMIN_PASSWORD, DEMO_PASSWORD, login, START_TIMEOUT_MS } from '../../../test/support/identity.ts'
import { serveIdentity, type TestIdentityApi } from '../../../test/support/identity-api.ts'
import type { Logger } from '../../platform/log/index.ts'

let api: TestIdentityApi
let admin: string
let demo: string
/** All that was logged. */
const logged: string[] = []

const log: Logger = {
  debug: note,
  info: note,
  warn: note,
  error: note,
  child: () => log,
}
function note(...parts: unknown[]): void {
  logged.push(parts.map((part) => Bun.inspect(part)).join(' '))
}

beforeAll(async () => {
  api = await serveIdentity(log)
  admin = (await login(api.identity, 'admin', ADMIN_PASSWORD, 'admin')).token
  demo = (await login(api.identity, 'demo', DEMO_PASSWORD, 'demo')).token
}, START_TIMEOUT_MS)
afterAll(() => api.stop())

const UNAUTHORIZED = {
  error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' },
}

describe('discovery', () => {
  test('leads to where the client reached us', async () => {
    const root = await api.request('GET', '')
    expect(root.status).toBe(300)
    expect(root.headers.get('location')).toBe(`${api.url}/v3/`)
    const port = new URL(api.url).port
    const byName = await fetch(`${api.url}/v3/`, { headers: { host: `cloud.example:${port}` } })
    expect(await byName.json()).toMatchObject({
      version: { id: 'v3.14', links: [{ rel: 'self', href: `http://cloud.example:${port}/identity/v3/` }] },
    })
  })
})

describe('a token', () => {
  test('comes with times to the microsecond and the catalog of its project', async () => {
    const { status, headers, body } = await authenticate({ scope: { project: { name: 'demo', domain: DEFAULT } } })
    expect(status).toBe(201)
    expect(api.identity.verify(headers.get('x-subject-token')!).user.name).toBe('demo')
    expect(body.token.expires_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z$/)
    expect(body.token.roles.map((role: { name: string }) => role.name)).toEqual(['member', 'reader'])
    expect(body.token.catalog.map((entry: { type: string }) => entry.type)).toEqual([
      'compute',
      'identity',
      'image',
      'network',
    ])
  })

  test('without scope has neither project nor roles nor catalog', async () => {
    for (const scope of ['unscoped', { unscoped: {} }]) {
      const { body } = await authenticate({ scope })
      expect(Object.keys(body.token).toSorted()).toEqual(['audit_ids', 'expires_at', 'issued_at', 'methods', 'user'])
    }
  })

  test('is shown without the catalog when asked so', async () => {
    const shown = await api.request('GET', '/v3/auth/tokens?nocatalog', about(demo, demo))
    expect(shown.status).toBe(200)
    expect(shown.body.token.catalog).toBeUndefined()
    expect(shown.headers.get('x-subject-token')).toBe(demo)
  })

  test('is checked by HEAD without a body', async () => {
    const checked = await api.request('HEAD', '/v3/auth/tokens', about(demo, demo))
    expect([checked.status, checked.text]).toEqual([200, ''])
  })

  test('is shown to and revoked by its user and administrators only', async () => {
    expect((await api.request('GET', '/v3/auth/tokens', about(demo, admin))).status).toBe(403)
    expect((await api.request('DELETE', '/v3/auth/tokens', about(demo, admin))).status).toBe(403)
    const own = (await login(api.identity, 'demo', DEMO_PASSWORD, 'demo')).token
    const others = (await login(api.identity, 'demo', DEMO_PASSWORD, 'demo')).token
    expect((await api.request('DELETE', '/v3/auth/tokens', about(own, own))).status).toBe(204)
    expect((await api.request('DELETE', '/v3/auth/tokens', about(admin, others))).status).toBe(204)
    expect((await api.request('GET', '/v3/auth/projects', { token: own })).body).toEqual(UNAUTHORIZED)
    expect((await api.request('GET', '/v3/auth/tokens', about(admin, others))).status).toBe(404)
  })

  test('that is unknown is not found', async () => {
    for (const subject of ['x', `${demo}x`, 'A'.repeat(8000)]) {
      expect((await api.request('GET', '/v3/auth/tokens', about(admin, subject))).status).toBe(404)
    }
    expect((await api.request('GET', '/v3/auth/tokens', { token: admin })).status).toBe(404)
  })
})

describe('authentication refuses', () => {
  test.each([
    ['a wrong password', { password: 'wrong' }],
    ['a foreign project', { scope: { project: { name: 'admin', domain: DEFAULT } } }],
    ['a foreign project by id', { scope: { project: { id: 'f'.repeat(32) } } }],
    ['the system', { scope: { system: { all: true } } }],
  ])('%s, with 401 and a word where to authenticate', async (_, input) => {
    const { status, headers, body } = await authenticate(input)
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toBe(`Keystone uri="${api.url}"`)
    expect(body).toEqual(UNAUTHORIZED)
  })

  const user = { name: 'demo', domain: DEFAULT, password: DEMO_PASSWORD }
  const withUser = (given: object) => ({ auth: { identity: { methods: ['password'], password: { user: given } } } })
  const malformed: [string, unknown][] = [
    ['nothing', ''],
    ['null', null],
    ['a list', []],
    ['no identity', { auth: {} }],
    ['no methods', { auth: { identity: { methods: [] } } }],
    ['a method without its part', { auth: { identity: { methods: ['password'] } } }],
    ['a number as password', withUser({ ...user, password: 12345678 })],
    ['an endless password', withUser({ ...user, password: 'x'.repeat(4097) })],
    ['an endless name', withUser({ ...user, name: 'x'.repeat(256) })],
    ['a name without domain', withUser({ name: 'demo', password: DEMO_PASSWORD })],
    ['nobody', withUser({ password: DEMO_PASSWORD })],
    ['a null domain', withUser({ ...user, domain: null })],
    ['an empty scope', { auth: { ...withUser(user).auth, scope: {} } }],
    ['two scopes', { auth: { ...withUser(user).auth, scope: { system: { all: true }, domain: DEFAULT } } }],
    ['half a system', { auth: { ...withUser(user).auth, scope: { system: { all: false } } } }],
    ['a scope in words', { auth: { ...withUser(user).auth, scope: 'everything' } }],
    ['depth', '{"auth":'.repeat(500)],
    ['a key twice', '{"auth":{},"auth":{}}'],
  ]
  test.each(malformed)('%s as malformed', async (_, body) => {
    const answer = await api.request('POST', '/v3/auth/tokens', { body })
    expect(answer.status).toBe(400)
    expect(answer.body.error).toMatchObject({ code: 400, title: 'Bad Request' })
    expect(answer.text).not.toContain(DEMO_PASSWORD)
    expect(answer.text).not.toContain('12345678')
  })

  test('methods that are not offered', async () => {
    const methods = (...names: string[]) =>
      api.request('POST', '/v3/auth/tokens', { body: { auth: { identity: { methods: names } } } })
    expect((await methods('oauth1')).status).toBe(401)
    expect((await methods('password', 'totp')).status).toBe(501)
  })

  test('a body beyond any use', async () => {
    const answer = await api.request('POST', '/v3/auth/tokens', { body: withUser({ ...user, pad: 'x'.repeat(200_000) }) })
    expect([answer.status, answer.body.error.title]).toEqual([413, 'Request Entity Too Large'])
  })

  test('any other body without breaking', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), async (value) => {
        for (const body of [value, { auth: value }, { auth: { identity: value, scope: value } }]) {
          const { status } = await api.request('POST', '/v3/auth/tokens', { body: JSON.stringify(body) })
          expect([400, 401]).toContain(status)
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('who asks', () => {
  test('is told by the token alone', async () => {
    const pretended = { 'x-roles': 'admin', 'x-user-id': 'x', 'x-is-admin-project': 'True', 'x-service-token': admin }
    const anonymous = await api.request('GET', '/v3/users', { headers: pretended })
    expect([anonymous.status, anonymous.body]).toEqual([401, UNAUTHORIZED])
    expect((await api.request('GET', '/v3/users', { token: demo, headers: pretended })).status).toBe(403)
  })

  test('makes the context of the other APIs', () => {
    const call = { request: new Request('http://x', { headers: { 'x-auth-token': demo } }), requestId: 'req-1' }
    expect(api.authenticate(call as never)).toMatchObject({
      requestId: 'req-1',
      userName: 'demo',
      projectName: 'demo',
      projectDomainId: 'default',
      roles: ['member', 'reader'],
      isAdmin: false,
      systemScope: null,
    })
    expect(() => api.authenticate({ request: new Request('http://x'), requestId: 'r' } as never)).toThrow()
  })
})

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
    for (const path of paths) expect([path, (await api.request('GET', path, { token: demo })).status]).toEqual([path, 200])
    const { body } = await api.request('GET', '/v3/auth/projects', { token: demo })
    expect(body.projects.map((each: { name: string }) => each.name)).toEqual(['demo'])
  })

  test('changes the own password with the original one', async () => {
    const made = await api.request('POST', '/v3/users', { token: admin, body: { user: { name: 'eve', password: 'one' } } })
    const change = (original_password: string, password: string) =>
      api.request('POST', `/v3/users/${made.body.user.id}/password`, { body: { user: { original_password, password } } })
    expect((await change('wrong', 'two')).status).toBe(401)
    expect((await change('one', 'two')).status).toBe(204)
    expect((await authenticate({ user: 'eve', password: 'two' })).status).toBe(201)
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

describe('an application credential', () => {
  test('logs in for its project with no more than its roles', async () => {
    const { credential, token } = await credentialOfAdmin({ roles: [{ name: 'reader' }] })
    const info = api.identity.verify(token)
    expect(info).toMatchObject({ methods: ['application_credential'], scope: { project: { name: 'admin' } } })
    expect(info.roles.map((role) => role.name)).toEqual(['reader'])
    expect(credential.secret).toBeString()
    const byName = await authenticateBy({ name: credential.name, user: { name: 'admin', domain: DEFAULT }, secret: credential.secret })
    expect(byName.status).toBe(201)
    expect((await authenticateBy({ id: credential.id, secret: 'wrong' })).body).toEqual(UNAUTHORIZED)
    expect((await authenticateBy({ id: 'unknown', secret: credential.secret })).body).toEqual(UNAUTHORIZED)
  })

  test('cannot be exchanged for another scope', async () => {
    const { credential, token } = await credentialOfAdmin()
    const scope = { project: { name: 'demo', domain: DEFAULT } }
    expect((await authenticateBy({ id: credential.id, secret: credential.secret }, scope)).status).toBe(401)
    const auth = { identity: { methods: ['token'], token: { id: token } }, scope }
    expect((await api.request('POST', '/v3/auth/tokens', { body: { auth } })).status).toBe(401)
  })

  test('makes no further credentials, unless it may', async () => {
    const { user } = api.identity.verify(admin)
    const project_id = (await credentialOfAdmin()).credential.project_id
    const attempts = (token: string) =>
      Promise.all([
        api.request('POST', `/v3/users/${user.id}/application_credentials`, { token, body: { application_credential: { name: crypto.randomUUID() } } }),
        api.request('POST', `/v3/users/${user.id}/credentials/OS-EC2`, { token, body: { tenant_id: project_id } }),
      ])
    const restricted = await attempts((await credentialOfAdmin()).token)
    expect(restricted.map((answer) => answer.status)).toEqual([403, 403])
    const unrestricted = await attempts((await credentialOfAdmin({ unrestricted: true })).token)
    expect(unrestricted.map((answer) => answer.status)).toEqual([201, 201])
  })

  test('ends with all its tokens when it is deleted', async () => {
    const { credential, token } = await credentialOfAdmin()
    const path = `/v3/users/${credential.user_id}/application_credentials/${credential.id}`
    expect((await api.request('DELETE', path, { token: admin })).status).toBe(204)
    expect((await api.request('GET', '/v3/auth/projects', { token })).status).toBe(401)
    expect((await authenticateBy({ id: credential.id, secret: credential.secret })).status).toBe(401)
    expect((await api.request('GET', path, { token: admin })).status).toBe(404)
  })

  test('gives tokens that end when it does', async () => {
    const expires_at = new Date(Date.now() + 60_000).toISOString().slice(0, 19)
    const { credential, token } = await credentialOfAdmin({ expires_at })
    expect(credential.expires_at).toBe(`${expires_at}.000000`)
    expect(api.identity.verify(token).expiresAt_s).toBe(Date.parse(`${expires_at}Z`) / 1000)
  })

  test.each([
    [{ roles: [{ name: 'service' }] }],
    [{ expires_at: '2020-01-01T00:00:00Z' }],
    [{ expires_at: 'tomorrow' }],
    [{ access_rules: [{ path: '/', method: 'GET', service: 'compute' }] }],
    [{ name: '' }],
    [{ surprise: true }],
  ])('is refused with %j', async (fields) => {
    const { user } = api.identity.verify(admin)
    const body = { application_credential: { name: 'x', ...fields } }
    const answer = await api.request('POST', `/v3/users/${user.id}/application_credentials`, { token: admin, body })
    expect(answer.status).toBe(400)
  })
})

describe('an EC2 credential', () => {
  test('is for projects in which its user has a role', async () => {
    const { user, scope } = api.identity.verify(demo)
    const own = scope.kind === 'project' ? scope.project.id : ''
    const admins = api.identity.verify(admin).scope as { project: { id: string } }
    const path = `/v3/users/${user.id}/credentials/OS-EC2`
    const create = (tenant_id: string) => api.request('POST', path, { token: demo, body: { tenant_id } })
    expect((await create(admins.project.id)).status).toBe(400)
    const made = await create(own)
    expect(made.status).toBe(201)
    const { access, secret } = made.body.credential
    expect(await api.identity.ec2Credentials.find(access)).toMatchObject({ secret, user_id: user.id, project_id: own })
    const foreign = `/v3/users/${api.identity.verify(admin).user.id}/credentials/OS-EC2/${access}`
    expect((await api.request('GET', foreign, { token: admin })).status).toBe(404)
    const listed = await api.request('GET', '/v3/credentials', { token: demo })
    expect(listed.body.credentials.map((each: { user_id: string }) => each.user_id)).toEqual([user.id])
    expect((await api.request('DELETE', `${path}/${access}`, { token: demo })).status).toBe(204)
    expect(await api.identity.ec2Credentials.find(access)).toBeUndefined()
  })
})

test('unknown paths and methods get this API’s body', async () => {
  const lost = await api.request('GET', '/v3/nowhere')
  expect([lost.status, lost.body.error.title]).toEqual([404, 'Not Found'])
  const wrong = await api.request('PUT', '/v3/users', { token: admin })
  expect([wrong.status, wrong.body.error.title]).toEqual([405, 'Method Not Allowed'])
})

test('neither tokens nor passwords nor secrets are in the log', async () => {
  const { credential, token } = await credentialOfAdmin()
  await authenticate({ password: 'canary-password' })
  await api.request('GET', '/v3/auth/tokens', about(admin, token))
  const all = logged.join('\n')
  expect(all).toContain('a password was refused')
  for (const secret of [admin, demo, token, credential.secret, ADMIN_PASSWORD, DEMO_PASSWORD, 'canary-password']) {
    expect(all.includes(secret)).toBe(false)
  }
})

const DEFAULT = { id: 'default' }

function authenticate({ user = 'demo', password = DEMO_PASSWORD, scope }: { user?: string; password?: string; scope?: unknown }) {
  const identity = { methods: ['password'], password: { user: { name: user, domain: DEFAULT, password } } }
  return api.request('POST', '/v3/auth/tokens', { body: { auth: { identity, scope } } })
}

function authenticateBy(application_credential: object, scope?: object) {
  const identity = { methods: ['application_credential'], application_credential }
  return api.request('POST', '/v3/auth/tokens', { body: { auth: { identity, scope } } })
}

/** A new credential of the administrator, and a token made with it. */
async function credentialOfAdmin(fields: object = {}) {
  const { user } = api.identity.verify(admin)
  const body = { application_credential: { name: crypto.randomUUID(), ...fields } }
  const made = await api.request('POST', `/v3/users/${user.id}/application_credentials`, { token: admin, body })
  expect(made.status).toBe(201)
  const credential = made.body.application_credential
  const { headers } = await authenticateBy({ id: credential.id, secret: credential.secret })
  return { credential, token: headers.get('x-subject-token')! }
}

/** Headers of a request about another token. */
function about(token: string, subject: string) {
  return { token, headers: { 'x-subject-token': subject } }
}

function many(count: number, value: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`key-${n}`, value]))
}
