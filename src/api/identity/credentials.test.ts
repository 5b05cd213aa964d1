import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ADMIN_PASSWORD, DEMO_PASSWORD, login, START_TIMEOUT_MS } from '../../../test/support/identity.ts'
import { serveIdentity, type TestIdentityApi } from '../../../test/support/identity-api.ts'

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

describe('an application credential', () => {
  test('logs in for its project with no more than its roles', async () => {
    const { credential, token } = await credentialOfAdmin({ roles: [{ name: 'reader' }] })
    const info = api.identity.verify(token)
    expect(info).toMatchObject({ methods: ['application_credential'], scope: { project: { name: 'admin' } } })
    expect(info.roles.map((role) => role.name)).toEqual(['reader'])
    expect(credential.secret).toBeString()
    const user = { name: 'admin', domain: DEFAULT }
    const byName = await authenticateBy({ name: credential.name, user, secret: credential.secret })
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
        api.request('POST', `/v3/users/${user.id}/application_credentials`, {
          token,
          body: { application_credential: { name: crypto.randomUUID() } },
        }),
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

const DEFAULT = { id: 'default' }

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
