import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { acceptedServer } from '../../test/support/cell.ts'
import { type TestDatabases, testDatabases } from '../../test/support/database.ts'
import { insertManyServers } from '../../test/support/many-servers.ts'
import { newId } from '../kernel/index.ts'
import type { CellDb } from '../platform/db/index.ts'
import { comparator, completeOrder, NEWEST_FIRST, type Order, SORT_KEYS, stretches } from './list-order.ts'
import { listServersOf, page, type ServerQuery } from './listing.ts'
import type { ListedServer } from './server.ts'

// Enough for the planner to see what a scan of the whole table would cost; a page is the same part of ten times as many.
const SERVERS = 10_000
const PAGE = 50

let databases: TestDatabases
let cell: CellDb
let all: ListedServer[]
const like = acceptedServer({ image_id: newId(), vm_state: 'active' })
const others = newId()

beforeAll(async () => {
  databases = await testDatabases()
  cell = databases.cells.get('cell1')!
  await insertManyServers(cell.sql, like, SERVERS, others)
  all = await listServersOf(cell, 'servers', query({ limit: SERVERS }))
})
afterAll(() => databases.drop())

const query = (changes: Partial<ServerQuery>): ServerQuery => ({
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
  limit: PAGE,
  ...changes,
})

interface Plan {
  readonly 'Node Type': string
  readonly 'Plan Rows': number
  readonly Plans?: readonly Plan[]
}

/** To sort the last rows of a list is no matter. */
const isSmall = (plan: Plan): boolean => plan.Plans![0]!['Plan Rows'] <= 4 * PAGE

function nodes(plan: Plan): string[] {
  const type = plan['Node Type']
  return [type === 'Sort' && isSmall(plan) ? 'small Sort' : type, ...(plan.Plans ?? []).flatMap(nodes)]
}

/** The kinds of nodes in the plans of all statements that the list may need. */
async function nodesOf(asked: ServerQuery): Promise<Set<string>> {
  const { sql } = cell
  const found = new Set<string>()
  for (const beyond of stretches(sql, completeOrder(asked.order, asked.deleted), asked.after)) {
    const rest = page(sql, 'servers', asked, beyond, asked.limit)
    const [row] = await sql<{ 'QUERY PLAN': [{ Plan: Plan }] }[]>`explain (format json) select id, xmin::text ${rest}`
    for (const node of nodes(row!['QUERY PLAN'][0].Plan)) found.add(node)
  }
  return found
}

/** The first page, and those after markers far into the list. */
function markers(order: readonly Order[]): (ListedServer | null)[] {
  const sorted = all.toSorted(comparator(order))
  return [null, sorted[100]!, sorted[SERVERS / 2]!, sorted[SERVERS - 100]!]
}

const ORDERS = SORT_KEYS.flatMap((key) => (['asc', 'desc'] as const).map((direction) => ({ key, direction })))
const byAge = ({ direction }: Order): Order => ({ key: 'created_at', direction })

describe('a page is read from an index of its order, wherever it begins', () => {
  for (const by of ORDERS) {
    const order = by.key === 'created_at' ? [by] : [by, byAge(by)]
    test(`by ${by.key} ${by.direction}`, async () => {
      for (const after of markers(order)) {
        const found = await nodesOf(query({ order, after }))
        expect([...found]).not.toContain('Seq Scan')
        expect([...found]).not.toContain('Sort')
      }
    })
  }
})

describe('no whole table is read for a list', () => {
  const lists: Record<string, Partial<ServerQuery>> = {
    'of a project that has most servers': { exact: { project_id: [like.project_id] } },
    'of a project that has few': { exact: { project_id: [others] } },
    'of one server': { exact: { id: [newId()] } },
    'of a host': { exact: { host: ['host-7'] } },
    'of a flavor': { exact: { flavor_id: ['flavor-7'] } },
    'of a project by name': { exact: { project_id: [others] }, order: [{ key: 'name', direction: 'asc' }, { key: 'created_at', direction: 'asc' }] },
    'of what is in error': { status: [{ vm_state: 'error', task_states: null }] },
    'of what has changed': { deleted: 'any', changes_since: new Date(Date.now() - 20_000) },
  }
  for (const [name, asked] of Object.entries(lists)) {
    test(name, async () => expect([...(await nodesOf(query(asked)))]).not.toContain('Seq Scan'))
  }
})
