import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ADMIN_PASSWORD, login, START_TIMEOUT_MS } from '../../../test/support/identity.ts'
import { serveIdentity, type TestIdentityApi } from '../../../test/support/identity-api.ts'

/** What an unmodified client and a real Keystone said to each other, in order. */
interface Exchange {
  readonly command: string
  readonly method: string
  readonly path: string
  readonly query: string
  readonly request: unknown
  readonly status: number
  readonly response: unknown
}

const fixture = await Bun.file(`${import.meta.dir}/../../../test/fixtures/identity.jsonl`).text()
const exchanges = fixture.trim().split('\n').map((line) => JSON.parse(line) as Exchange)

/** Keys that depend on what the thing has, not on the kind of answer. */
const OPTIONAL = new Set(['default_project_id', 'description', 'email', 'immutable'])
/** Keystone adds to the answer of a PATCH what it stores apart; no client reads it and no other answer has it. */
const LEFT_OUT = new Set(['extra'])

let api: TestIdentityApi
let token: string
/** Ids and keys of the recording, and what stands for them here. */
const stands = new Map<string, string>()

beforeAll(async () => {
  api = await serveIdentity()
  token = (await login(api.identity, 'admin', ADMIN_PASSWORD, 'admin')).token
}, START_TIMEOUT_MS)
afterAll(() => api.stop())

test.each(exchanges.map((exchange, index) => [index + 1, exchange.command, exchange] as const))(
  'exchange %d, %s: the same status and form of answer',
  async (_, __, exchange) => {
    const { method, path, query, request } = exchange
    const answer = await api.request(method, here(path) + (query === '' ? '' : `?${here(query)}`), {
      token,
      headers: path === '/v3/auth/tokens' ? { 'x-subject-token': token } : {},
      body: request === null ? undefined : here(JSON.stringify(request).replace('"***"', `"${ADMIN_PASSWORD}"`)),
    })
    expect(answer.status).toBe(exchange.status)
    expect(answer.headers.get('vary')).toBe('X-Auth-Token')
    expect(differences(exchange.response, answer.body ?? null)).toEqual([])
    pair(exchange.response, answer.body)
  },
)

function here(text: string): string {
  return [...stands].reduce((result, [recorded, ours]) => result.replaceAll(recorded, ours), text)
}

/** Notes which of our ids an id of the recording stands for. */
function pair(recorded: unknown, ours: unknown): void {
  if (typeof recorded === 'string' && typeof ours === 'string') {
    if (/^[0-9a-f]{32}$/.test(recorded) && /^[0-9a-f]{32}$/.test(ours)) stands.set(recorded, ours)
  } else if (Array.isArray(recorded) && Array.isArray(ours)) {
    if (recorded.length === 1 && ours.length === 1) pair(recorded[0], ours[0])
  } else if (isObject(recorded) && isObject(ours)) {
    for (const key of Object.keys(recorded)) pair(recorded[key], ours[key])
  }
}

/** Where ours has other keys or other types. Of a list, each recorded form must occur in ours. */
function differences(recorded: unknown, ours: unknown, path = ''): string[] {
  if (Array.isArray(recorded)) {
    if (!Array.isArray(ours)) return [`${path} is no list`]
    return recorded.flatMap((item, index) => {
      const each = ours.map((own) => differences(item, own, `${path}[${index}]`))
      return each.some((found) => found.length === 0) ? [] : (each[0] ?? [`${path} is empty`])
    })
  }
  if (isObject(recorded)) {
    if (!isObject(ours)) return [`${path} is no object`]
    const surplus = Object.keys(ours).filter((key) => !(key in recorded) && !OPTIONAL.has(key))
    const expected = Object.keys(recorded).filter((key) => key in ours || !(LEFT_OUT.has(key) || OPTIONAL.has(key)))
    return [
      ...surplus.map((key) => `${path}.${key} is surplus`),
      ...expected.filter((key) => !(key in ours)).map((key) => `${path}.${key} is missing`),
      ...expected
        .filter((key) => key in ours)
        .flatMap((key) => differences(recorded[key], ours[key], `${path}.${key}`)),
    ]
  }
  if (recorded === null || ours === null || typeof recorded === typeof ours) return []
  return [`${path} is ${typeof ours} instead of ${typeof recorded}`]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
