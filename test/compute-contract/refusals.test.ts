import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Value } from '@sinclair/typebox/value'
import { type ComputeApi, startComputeApi } from '../support/compute-api.ts'
import { MAX_VERSION, version } from '../../src/api/compute/version.ts'
import { type AnyRow, askRow, bodyOf, type Ids, nameOf, newest, rowsOf } from './rows.ts'

/** What every route refuses, asked of every row: each test names the rows that let something through. */

let api: ComputeApi
let rows: AnyRow[]
let server: string
let group: string

beforeAll(async () => {
  api = await startComputeApi({ instances: -1, cores: -1, ram: -1 })
  rows = rowsOf(api)
  server = (await api.addServer()).id
  const body = { server_group: { name: 'g', policies: ['affinity'] } }
  group = (await api.ask('POST', '/os-server-groups', { body })).body.server_group.id
})
afterAll(() => api.stop())

const ids: Ids = (parameter, row) =>
  parameter === 'server_id' ? server : row.path.startsWith('/os-server-groups') ? group : '1'

type Answer = Awaited<ReturnType<typeof askRow>>

/** The rows whose answer is not as it should be. */
async function wrong(of: readonly AnyRow[], ask: (row: AnyRow) => Promise<Answer>, right: (answer: Answer, row: AnyRow) => boolean) {
  const found: string[] = []
  for (const row of of) {
    const answer = await ask(row)
    if (!right(answer, row)) found.push(`${nameOf(row)}: ${answer.status} ${JSON.stringify(answer.body ?? '').slice(0, 160)}`)
  }
  return found
}

const withBody = (): AnyRow[] => rows.filter((row) => row.body !== null)
const reading = (): AnyRow[] => rows.filter((row) => row.body !== null || 'key' in row)
const message = ({ body }: Answer): string => body?.badRequest?.message ?? ''

describe('every route with a body', () => {
  const BAD: readonly unknown[] = [[], 'text', 7, { nonsense: 1 }]

  test.each(BAD.map((body) => [JSON.stringify(body), body]))('refuses %s', async (_text, body) => {
    const strict = withBody().filter((row) => !Value.Check(row.body!.schema(newest(row)), body))
    // As text it would be sent as it stands.
    const sent = typeof body === 'string' ? JSON.stringify(body) : body
    const found = await wrong(strict, (row) => askRow(api, row, { ids, as: 'admin', body: sent }), ({ status }) => status === 400)
    expect(found).toEqual([])
  })

  test('refuses a key too many, and names it', async () => {
    const closed = withBody().filter((row) => row.body!.schema(newest(row)).additionalProperties === false)
    const body = (row: AnyRow) => ({ ...(bodyOf(row, newest(row)) as object), surplus_key: 1 })
    // Two keys make no action: that they are too many is what is said.
    const said = /surplus_key|too many body keys|URI mismatch|exactly one key/
    const found = await wrong(closed, (row) => askRow(api, row, { ids, as: 'admin', body: body(row) }), (answer) =>
      answer.status === 400 && said.test(message(answer)),
    )
    expect(found).toEqual([])
  })

  const MALFORMED: readonly (readonly [what: string, body: string | Uint8Array, status: number])[] = [
    ['half of an object', '{', 400],
    ['a key that occurs twice', '{"a":1,"a":2}', 400],
    ['a NUL byte', '{"a":"\\u0000"}', 400],
    ['half of a surrogate pair', '{"a":"\\ud800"}', 400],
    ['a prototype', '{"__proto__":{"a":1}}', 400],
    ['brackets without end', `${'['.repeat(500)}${']'.repeat(500)}`, 400],
    ['bytes that are no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400],
    ['more than is read', JSON.stringify({ a: 'x'.repeat(120_000) }), 413],
  ]
  test.each(MALFORMED)('refuses %s', async (_what, body, status) => {
    const found = await wrong(reading(), (row) => askRow(api, row, { ids, as: 'admin', body }), (answer) => answer.status === status)
    expect(found).toEqual([])
  })

  test('refuses another kind of content', async () => {
    const headers = { 'Content-Type': 'application/xml' }
    const found = await wrong(reading(), (row) => askRow(api, row, { ids, as: 'admin', body: '<a/>', headers }), ({ status }) => status === 415)
    expect(found).toEqual([])
  })
})

describe('every route', () => {
  test('refuses a key of the query that it does not know, and names it, from 2.102 on', async () => {
    const here = rows.filter((row) => row.until >= version('2.102'))
    const found = await wrong(here, (row) => askRow(api, row, { ids, as: 'admin', query: '?nonsense=1', v: Math.max(row.since, version('2.102')) }), (answer, row) =>
      (answer.status === 400 && message(answer).includes('nonsense')) || answer.status === 410 || 'key' in row && answer.status === 404,
    )
    expect(found).toEqual([])
  })

  test('with pages refuses a number that is none, and names it', async () => {
    const paged = rows.filter((row) => 'limit' in (row.query?.schema(newest(row)).properties ?? {}))
    expect(paged.length).toBeGreaterThan(10)
    for (const limit of ['-1', 'many', '1e3', '99999999999999999999', '']) {
      const found = await wrong(paged, (row) => askRow(api, row, { ids, as: 'admin', query: `?limit=${limit}` }), (answer) =>
        answer.status === 400 && message(answer).includes('limit'),
      )
      expect([limit, found]).toEqual([limit, []])
    }
  })

  test('refuses versions that are none or are not offered', async () => {
    const some = rows.filter((_row, index) => index % 10 === 0)
    const ask = (text: string) => (row: AnyRow) =>
      askRow(api, row, { ids, as: 'admin', headers: { 'OpenStack-API-Version': `compute ${text}` } })
    expect(await wrong(some, ask(`2.${MAX_VERSION + 1}`), ({ status }) => status === 406)).toEqual([])
    expect(await wrong(some, ask('3.0'), ({ status }) => status === 406)).toEqual([])
    expect(await wrong(some, ask('two'), ({ status }) => status === 400)).toEqual([])
  })
})

describe('every route of a server', () => {
  const ofServers = (): AnyRow[] => rows.filter((row) => row.path.includes(':server_id') && row.ok.at(-1)![1] !== 410 && row.subject !== null)
  const missing = ({ status, body }: Answer): boolean => status === 404 && body.itemNotFound !== undefined

  test.each(['stranger', 'service'] as const)('finds none of another project for %s', async (as) => {
    expect(await wrong(ofServers(), (row) => askRow(api, row, { ids, as }), missing)).toEqual([])
  })

  test.each([['nowhere', crypto.randomUUID()], ['no id', 'x'], ['half an id', 'f7b2e7c4'], ['a path', '..%2f..%2fetc']])('finds none at %s', async (_what, id) => {
    const nowhere: Ids = (parameter) => (parameter === 'server_id' ? id : '1')
    expect(await wrong(ofServers(), (row) => askRow(api, row, { ids: nowhere, as: 'admin' }), missing)).toEqual([])
  })
})

test('things of other projects are not there, whatever they are', async () => {
  const as = 'stranger'
  const statuses = await Promise.all([
    api.ask('GET', `/os-server-groups/${group}`, { as }),
    api.ask('DELETE', `/os-server-groups/${group}`, { as }),
    api.ask('GET', `/servers/${server}`, { as }),
    api.ask('GET', `/os-volumes_boot/${server}`, { as }),
  ])
  expect(statuses.map(({ status }) => status)).toEqual([404, 404, 404, 404])
})
