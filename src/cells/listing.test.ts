import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { acceptedServer } from '../../test/support/cell.ts'
import { type TestDatabases, testDatabases } from '../../test/support/database.ts'
import type { CellDb } from '../platform/db/index.ts'
import { createKnownRows, type KnownRows } from './known-rows.ts'
import { comparator, NEWEST_FIRST, type Order, SORT_KEYS } from './list-order.ts'
import { listKnownServers, listServersOf, mergePages, type ServerQuery } from './listing.ts'
import type { ListedServer, Server } from './server.ts'
import { insertServer, updateServer } from './servers.store.ts'

let databases: TestDatabases
let cells: CellDb[]
let servers: Server[]

const DAY_MS = 86_400_000
const date = (day: number): Date => new Date(Date.UTC(2026, 0, 1) + day * DAY_MS)
const pick = <V>(index: number, values: readonly V[]): V => values[index % values.length]!

/** Few values for each column, so that there are equal keys everywhere, and nulls where a column may have them. */
function variant(index: number): Partial<Server> {
  return {
    name: pick(index, ['a', 'B', 'é', 'ab', 'Z', '']),
    description: pick(index, [null, 'x', 'ä']),
    host: pick(index, ['host-1', null, 'host-10', 'host-2']),
    node: pick(index, [null, 'n']),
    vm_state: pick(index, ['active', 'error', 'stopped']),
    task_state: pick(index, [null, 'deleting', 'spawning']),
    power_state: pick(index, [0, 1, 4]),
    progress: pick(index, [0, 100, 20]),
    key_name: pick(index, [null, 'k1', 'k2']),
    image_id: pick(index, [null, '00000000-0000-4000-8000-000000000001', 'f0000000-0000-4000-8000-000000000001']),
    availability_zone: pick(index, [null, 'nova', 'az-2']),
    launch_index: pick(index, [0, 1, 10, 9]),
    launched_at: pick(index, [null, date(2), date(1)]),
    created_at: pick(index, [date(1), date(3), date(2), date(3)]),
    updated_at: pick(index, [date(5), date(4)]),
    locked_by: pick(index, [null, 'owner', 'admin']),
    config_drive: pick(index, [true, false]),
    tags: pick(index, [[], ['a'], ['a', 'b'], ['c']]),
    access_ip_v4: pick(index, [null, '10.0.0.2', '10.0.0.10']),
  }
}

beforeAll(async () => {
  databases = await testDatabases()
  cells = [databases.cells.get('cell0')!, databases.cells.get('cell1')!]
  servers = Array.from({ length: 48 }, (_, index) => acceptedServer(variant(index)))
  for (const [index, server] of servers.entries()) {
    await cells[index % 2]!.transaction((tx) => insertServer(tx, server))
  }
})
afterAll(() => databases.drop())

const EVERY_LIVE_SERVER: Omit<ServerQuery, 'limit'> = {
  exact: {},
  pattern: {},
  status: null,
  ip: null,
  locked: null,
  tags: { all: [], any: [], not_all: [], not_any: [] },
  deleted: false,
  changes_since: null,
  changes_before: null,
  order: NEWEST_FIRST,
  after: null,
}

const query = (changes: Partial<ServerQuery>): ServerQuery => ({ ...EVERY_LIVE_SERVER, limit: 1000, ...changes })

/** One page over both cells. */
async function list(asked: ServerQuery): Promise<ListedServer[]> {
  return mergePages(await Promise.all(cells.map((cell) => listKnownServers(cell, rowsOf(cell), asked))), asked)
}

const known = new Map<CellDb, KnownRows>()
function rowsOf(cell: CellDb): KnownRows {
  if (!known.has(cell)) known.set(cell, createKnownRows(cell))
  return known.get(cell)!
}

/** All pages, each asked for with the last server of the one before. */
async function pageThrough(order: readonly Order[], limit: number): Promise<string[]> {
  const ids: string[] = []
  let after: Server | null = null
  for (;;) {
    const page: ListedServer[] = await list(query({ order, limit, after }))
    if (page.length === 0) return ids
    ids.push(...page.map((server) => server.id))
    expect(ids.length).toBeLessThanOrEqual(servers.length)
    const last = page.at(-1)!.id
    after = servers.find((server) => server.id === last)!
  }
}

const byText = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right))

/** Sorted the plain way: null first, text by its bytes, all else by number, then by id. */
function sorted(order: readonly Order[]): string[] {
  const last = order.at(-1)!
  const complete = last.key === 'id' ? order : [...order, { key: 'id', direction: last.direction } as const]
  const value = (server: Server, key: Order['key']): string | number => {
    const raw = server[key]
    return typeof raw === 'string' ? raw : Number(raw)
  }
  return servers
    .toSorted((left, right) => {
      for (const { key, direction } of complete) {
        const sign = direction === 'asc' ? 1 : -1
        if (left[key] === null || right[key] === null) {
          if (left[key] !== right[key]) return left[key] === null ? -sign : sign
          continue
        }
        const [a, b] = [value(left, key), value(right, key)]
        const result = typeof a === 'string' ? byText(a, b as string) : a - (b as number)
        if (result !== 0) return result * sign
      }
      return 0
    })
    .map((server) => server.id)
}

describe('pages put together are the whole list in order', () => {
  for (const key of SORT_KEYS) {
    for (const direction of ['asc', 'desc'] as const) {
      test(`by ${key} ${direction}`, async () => {
        expect(await pageThrough([{ key, direction }], 7)).toEqual(sorted([{ key, direction }]))
      })
    }
  }

  test.each([1, 13, 47, 48, 49])('whatever their size: %d', async (limit) => {
    const order = [{ key: 'task_state', direction: 'desc' }] as const
    expect(await pageThrough(order, limit)).toEqual(sorted(order))
  })

  for (let index = 0; index < 24; index++) {
    const order: Order[] = [0, 1, 2].map((place) => ({
      key: SORT_KEYS[(index * 7 + place * 5) % SORT_KEYS.length]!,
      direction: (index >> place) % 2 === 0 ? 'asc' : 'desc',
    }))
    test(`by ${order.map(({ key, direction }) => `${key} ${direction}`).join(', ')}`, async () => {
      expect(await pageThrough(order, 11)).toEqual(sorted(order))
    })
  }
})

describe('a row that is known', () => {
  const cell = () => cells[1]!
  const one = (id: string) => query({ exact: { id: [id] } })

  test('is the row that a whole read gives', async () => {
    const asked = query({ limit: 10 })
    const first = await listKnownServers(cell(), rowsOf(cell()), asked)
    expect(first).toHaveLength(10)
    expect(await listKnownServers(cell(), rowsOf(cell()), asked)).toEqual(first)
    expect([...(await listServersOf(cell(), 'servers', asked))]).toEqual(first)
  })

  test('is read again when it has changed', async () => {
    const { id } = servers[1]!
    const rows = rowsOf(cell())
    const [before] = await listKnownServers(cell(), rows, one(id))
    for (const name of ['changed', before!.name]) {
      await cell().transaction((tx) => updateServer(tx, id, { name }))
      expect((await listKnownServers(cell(), rows, one(id))).map((server) => server.name)).toEqual([name])
    }
  })

  test('is not taken for another version of itself', async () => {
    const { id } = servers[1]!
    expect(await rowsOf(cell()).read([{ id, version: 1 }])).toBeNull()
  })

  test('that nobody remembers is read anew', async () => {
    const rows = createKnownRows(cell())
    const asked = query({ limit: 3 })
    expect(await listKnownServers(cell(), rows, asked)).toEqual(await listKnownServers(cell(), rowsOf(cell()), asked))
  })
})

test('a server that is in two places at once is listed once, as the later place has it', () => {
  const server = acceptedServer()
  const moved = { ...server, vm_state: 'active' as const }
  const other = acceptedServer()
  const merged = mergePages([[server, other], [moved]], { order: EVERY_LIVE_SERVER.order, limit: 10 })
  expect(merged).toHaveLength(2)
  expect(merged).toContain(moved)
  expect(merged).toEqual([moved, other].toSorted(comparator(EVERY_LIVE_SERVER.order)))
})

describe('filters', () => {
  const FILTERS: [string, Partial<ServerQuery>, (server: Server) => boolean][] = [
    ['one value', { exact: { vm_state: ['error'] } }, (server) => server.vm_state === 'error'],
    ['one of several, or none', { exact: { host: ['host-2', null] } }, ({ host }) => host === null || host === 'host-2'],
    ['a pattern in any case', { pattern: { name: '^b|z$' } }, ({ name }) => name === 'B' || name === 'Z'],
    ['numbers', { exact: { launch_index: [10] } }, (server) => server.launch_index === 10],
    ['locked', { locked: true }, (server) => server.locked_by !== null],
    ['not locked', { locked: false }, (server) => server.locked_by === null],
    [
      'tags',
      { tags: { all: ['a'], any: ['a', 'c'], not_all: ['a', 'b'], not_any: ['c'] } },
      ({ tags }) => tags.length === 1 && tags[0] === 'a',
    ],
    [
      'a status',
      { status: [{ vm_state: 'active', task_states: ['spawning'] }, { vm_state: 'error', task_states: null }] },
      (server) => server.vm_state === 'error' || (server.vm_state === 'active' && server.task_state === 'spawning'),
    ],
    ['a status that none has', { status: [] }, () => false],
    ['changes', { changes_since: date(5), changes_before: date(5) }, (server) => server.updated_at >= date(5)],
  ]
  test.each(FILTERS)('by %s', async (_what, filter, holds) => {
    const found = await list(query(filter))
    expect(found.map((server) => server.id).toSorted()).toEqual(servers.filter(holds).map(({ id }) => id).toSorted())
  })

  test('that are no regular expression are refused', async () => {
    await expect(list(query({ pattern: { name: '(' } }))).rejects.toMatchObject({ kind: 'bad_request' })
  })
})
