import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ADMIN_PASSWORD, login, START_TIMEOUT_MS } from '../../../test/support/identity.ts'
import { serveIdentity, type TestIdentityApi } from '../../../test/support/identity-api.ts'
import { differences, exchangesWith, Stands } from '../../../test/support/recordings.ts'

const exchanges = await exchangesWith('identity')

const ALLOWANCES = {
  optional: new Set(['default_project_id', 'description', 'email', 'immutable']),
  // Keystone adds to the answer of a PATCH what it stores apart; no client reads it and no other answer has it.
  leftOut: new Set(['extra']),
}

let api: TestIdentityApi
let token: string
const stands = new Stands(/^[0-9a-f]{32}$/)

beforeAll(async () => {
  api = await serveIdentity()
  token = (await login(api.identity, 'admin', ADMIN_PASSWORD, 'admin')).token
}, START_TIMEOUT_MS)
afterAll(() => api.stop())

test.each(exchanges.map((exchange, index) => [index + 1, exchange.command, exchange] as const))(
  'exchange %d, %s: the same status and form of answer',
  async (_, __, exchange) => {
    const { method, path, query, request } = exchange
    const body = JSON.stringify(request).replace('"***"', `"${ADMIN_PASSWORD}"`)
    const answer = await api.request(method, stands.here(path) + (query === '' ? '' : `?${stands.here(query)}`), {
      token,
      headers: path === '/v3/auth/tokens' ? { 'x-subject-token': token } : {},
      body: request === null ? undefined : stands.here(body),
    })
    expect(answer.status).toBe(exchange.status)
    expect(answer.headers.get('vary')).toBe('X-Auth-Token')
    expect(differences(exchange.response, answer.body ?? null, ALLOWANCES)).toEqual([])
    stands.pair(exchange.response, answer.body)
  },
)
