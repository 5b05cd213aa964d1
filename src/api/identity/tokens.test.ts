import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { ADMIN_PASSWORD, DEMO_PASSWORD, login, START_TIMEOUT_MS } from '../../../test/support/identity.ts'
import { askForToken, DEFAULT_DOMAIN, serveIdentity, type TestIdentityApi } from '../../../test/support/identity-api.ts'

let api: TestIdentityApi
let admin: string
let demo: string

beforeAll(async () => {
  api = await serveIdentity()
  admin = (await login(api.identity, 'admin', ADMIN_PASSWORD, 'admin')).token
  demo = (await login(api.identity, 'demo', DEMO_PASSWORD, 'demo')).token
}, START_TIMEOUT_MS)
afterAll(() => api.stop())

const UNAUTHORIZED = {
  error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' },
}

describe('a token', () => {
  test('comes with times to the microsecond and the catalog of its project', async () => {
    const { status, headers, body } = await askForToken(api, { scope: { project: { name: 'demo', domain: DEFAULT_DOMAIN } } })
    expect(status).toBe(201)
    expect(api.identity.verify(headers.get('x-subject-token')!).user.name).toBe('demo')
    expect(body.token.expires_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z$/)
    expect(body.token.roles.map((role: { name: string }) => role.name)).toEqual(['member', 'reader'])
    expect(body.token.catalog.map((entry: { type: string }) => entry.type)).toEqual([
      'compute',
      'identity',
      'image',
      'network',
      'placement',
    ])
  })

  test('without scope has neither project nor roles nor catalog', async () => {
    for (const scope of ['unscoped', { unscoped: {} }]) {
      const { body } = await askForToken(api, { scope })
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
    ['a foreign project', { scope: { project: { name: 'admin', domain: DEFAULT_DOMAIN } } }],
    ['a foreign project by id', { scope: { project: { id: 'f'.repeat(32) } } }],
    ['the system', { scope: { system: { all: true } } }],
  ])('%s, with 401 and a word where to authenticate', async (_, input) => {
    const { status, headers, body } = await askForToken(api, input)
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toBe(`Keystone uri="${api.url}"`)
    expect(body).toEqual(UNAUTHORIZED)
  })

  const user = { name: 'demo', domain: DEFAULT_DOMAIN, password: DEMO_PASSWORD }
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
    ['two scopes', { auth: { ...withUser(user).auth, scope: { system: { all: true }, domain: DEFAULT_DOMAIN } } }],
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
    const body = withUser({ ...user, pad: 'x'.repeat(200_000) })
    const answer = await api.request('POST', '/v3/auth/tokens', { body })
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

/** Headers of a request about another token. */
function about(token: string, subject: string) {
  return { token, headers: { 'x-subject-token': subject } }
}
