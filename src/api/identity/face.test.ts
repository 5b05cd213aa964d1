import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ADMIN_PASSWORD, login, START_TIMEOUT_MS } from '../../../test/support/identity.ts'
import { serveIdentity, type TestIdentityApi } from '../../../test/support/identity-api.ts'
import type { Logger } from '../../platform/log/index.ts'

let api: TestIdentityApi
/** All that was logged. */
const logged: string[] = []
const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log }

function note(...parts: unknown[]): void {
  logged.push(parts.map((part) => Bun.inspect(part)).join(' '))
}

beforeAll(async () => {
  api = await serveIdentity(log)
}, START_TIMEOUT_MS)
afterAll(() => api.stop())

test('discovery leads to where the client reached us', async () => {
  const root = await api.request('GET', '')
  expect(root.status).toBe(300)
  expect(root.headers.get('location')).toBe(`${api.url}/v3/`)
  const { port } = new URL(api.url)
  const byName = await api.request('GET', '/v3/', { headers: { host: `cloud.example:${port}` } })
  expect(byName.body).toMatchObject({
    version: { id: 'v3.14', links: [{ rel: 'self', href: `http://cloud.example:${port}/identity/v3/` }] },
  })
})

test('unknown paths and methods get this API’s body', async () => {
  const lost = await api.request('GET', '/v3/nowhere')
  expect([lost.status, lost.body.error.title]).toEqual([404, 'Not Found'])
  const wrong = await api.request('PUT', '/v3/users')
  expect([wrong.status, wrong.body.error.title]).toEqual([405, 'Method Not Allowed'])
})

test('neither tokens nor passwords nor secrets are in the log', async () => {
  const { token } = await login(api.identity, 'admin', ADMIN_PASSWORD, 'admin')
  await loginRequest('canary-password')
  const secret = 'canary-secret'
  const { user } = api.identity.verify(token)
  const made = await api.request('POST', `/v3/users/${user.id}/application_credentials`, {
    token,
    body: { application_credential: { name: 'canary', secret } },
  })
  expect(made.status).toBe(201)
  await api.request('GET', '/v3/auth/tokens', { token, headers: { 'x-subject-token': token } })
  await api.request('GET', '/v3/users', { token: `${token}x` })

  const all = logged.join('\n')
  expect(all).toContain('a password was refused')
  expect(all).toContain('/v3/auth/tokens')
  for (const canary of [token, secret, ADMIN_PASSWORD, 'canary-password']) expect(all.includes(canary)).toBe(false)
})

function loginRequest(password: string) {
  const user = { name: 'admin', domain: { id: 'default' }, password }
  const body = { auth: { identity: { methods: ['password'], password: { user } } } }
  return api.request('POST', '/v3/auth/tokens', { body })
}
