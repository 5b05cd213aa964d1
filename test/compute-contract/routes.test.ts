import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type ComputeApi, startComputeApi } from '../support/compute-api.ts'
import { computePolicies } from '../../src/api/compute/index.ts'
import { MAX_VERSION, MIN_VERSION, type Version, versionText } from '../../src/api/compute/version.ts'
import { added } from './deviations.ts'
import { type KnownRoute, knownRoutes } from './routes.ts'
import { type AnyRow, nameOf, rowsOf } from './rows.ts'

/** Holds the route table to what Nova's API has: neither a route too few, nor one too many, nor at other versions. */

let api: ComputeApi
let rows: Map<string, AnyRow[]>

beforeAll(async () => {
  api = await startComputeApi()
  rows = Map.groupBy(rowsOf(api), nameOf)
})
afterAll(() => api.stop())

const live = knownRoutes.filter((route) => route.gone === null)
const gone = knownRoutes.filter((route) => route.gone !== null)

/** What `of` says of each live route of Nova's, by name. */
function eachRoute<T>(of: (route: KnownRoute, rows: readonly AnyRow[]) => T): Record<string, T> {
  return Object.fromEntries(live.map((route) => [route.name, of(route, rows.get(route.name) ?? [])]))
}

const ask = (route: KnownRoute, v: Version) =>
  api.ask(route.method, route.path.replaceAll('/:', '/0'), {
    as: 'admin',
    v: versionText(v),
    ...(route.method === 'POST' || route.method === 'PUT' ? { body: route.action ? { [route.action]: null } : {} } : {}),
  })

test('what Nova has is here', () => {
  expect(live.filter((route) => !rows.has(route.name)).map((route) => route.name)).toEqual([])
})

test('what is here and not in Nova is named', () => {
  const known = new Set(knownRoutes.map((route) => route.name))
  expect([...rows.keys()].filter((name) => !known.has(name)).sort()).toEqual([...added].sort())
})

test('each route is there at the versions at which it is in Nova', () => {
  const ours = eachRoute((_, rows) => {
    const spans = rows.map(({ since, until }) => [since, until] as const).sort(([a], [b]) => a - b)
    // Rows of one route share its versions between them without a gap.
    for (const [at, [since]] of spans.entries()) if (at > 0) expect(since).toBe(spans[at - 1]![1] + 1)
    return [spans[0]?.[0], spans.at(-1)?.[1]]
  })
  expect(ours).toEqual(eachRoute(({ since, until }) => [since, until]))
})

test('each route answers with the status of success that it has in Nova', () => {
  const at = <T>(ok: readonly (readonly [Version, T])[], v: Version): T => ok.find(([since]) => since <= v)![1]
  const others = live.flatMap((route) =>
    (rows.get(route.name) ?? []).flatMap((row) =>
      [row.since, ...row.ok.map(([since]) => since), ...route.ok.map(([since]) => since)]
        .filter((v) => v >= row.since && v <= row.until)
        .filter((v) => !at(route.ok, v).includes(at(row.ok, v)))
        .map((v) => `${route.name} at ${versionText(v)}: ${at(row.ok, v)}`),
    ),
  )
  expect(others).toEqual([])
})

test('each rule that Nova asks is a rule here, and everybody has it by default who has it in Nova', () => {
  const checks: Record<string, string> = {
    admin: 'rule:context_is_admin',
    manager: 'rule:project_manager_or_admin',
    member: 'rule:project_member_or_admin',
    reader: 'rule:project_reader_or_admin',
    service: 'rule:service_or_admin',
    any: '@',
    admin_or_self: 'rule:context_is_admin or user_id:%(user_id)s',
  }
  const rules = live.flatMap((route) => route.rules)
  const ours = Object.fromEntries(rules.map(([rule]) => [rule, computePolicies[rule]?.check]))
  expect(ours).toEqual(Object.fromEntries(rules.map(([rule, persona]) => [rule, checks[persona]])))
})

test('each route is decided by a rule that decides it in Nova', () => {
  const others = live.flatMap((route) =>
    (rows.get(route.name) ?? [])
      .flatMap(({ policy }) => policy ?? [])
      .filter((rule) => !route.rules.some(([known]) => known === rule))
      .map((rule) => `${route.name}: ${rule}`),
  )
  expect(others).toEqual([])
})

test('outside of its versions a route is not there', async () => {
  const found: string[] = []
  for (const route of live) {
    for (const v of [route.since - 1, route.until + 1]) {
      if (v < MIN_VERSION || v > MAX_VERSION) continue
      const { status, body } = await ask(route, v)
      if (status === 404 && body.itemNotFound.message === 'The resource could not be found.') continue
      found.push(`${route.name} at ${versionText(v)}: ${status}`)
    }
  }
  expect(found).toEqual([])
})

test('what Nova has removed is gone at every version', async () => {
  const found: string[] = []
  for (const route of gone) {
    for (const v of [MIN_VERSION, 36, MAX_VERSION]) {
      // A console of Windows hosts: refused as long as the request is known, and not found after that.
      const expected = route.action === 'os-getRDPConsole' && v > 5 ? 404 : route.gone
      const { status } = await ask(route, v)
      if (status !== expected) found.push(`${route.name} at ${versionText(v)}: ${status}`)
    }
  }
  expect(found).toEqual([])
})

test('an action that is none is refused as such wherever there are actions', async () => {
  const paths = new Set(knownRoutes.filter(({ action }) => action !== null).map(({ path }) => path))
  for (const path of [...paths].filter((path) => [...rows.keys()].some((name) => name.startsWith(`POST ${path}#`)))) {
    const options = { as: 'admin' as const, v: '2.1', body: { 'no-such-action': null } }
    const answer = await api.ask('POST', path.replaceAll('/:', '/0'), options)
    expect([path, answer.status]).toEqual([path, 400])
  }
})
