import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { acceptedServer } from '../../test/support/cell.ts'
import { quietLog, type TestDatabases, testDatabases } from '../../test/support/database.ts'
import { findServer, insertServer, POWER, type Server, type VmState } from '../cells/index.ts'
import type { PowerState } from '../contracts/index.ts'
import type { CellDb } from '../platform/db/index.ts'
import { syncPower } from './power-sync.ts'

let databases: TestDatabases
let cell: CellDb
beforeAll(async () => {
  databases = await testDatabases()
  cell = databases.cells.get('cell1')!
})
afterAll(() => databases.drop())

const START = Date.parse('2026-01-01T00:00:00Z')

async function serverThat(is: Partial<Server>): Promise<Server> {
  const server = acceptedServer({ task_state: null, host: 'host-1', node: 'host-1', ...is })
  await cell.transaction((tx) => insertServer(tx, server))
  return server
}

const report = (server: Server, power_state: PowerState, sent_at = START, host = 'host-1') =>
  syncPower(cell, { host, sent_at, server_id: server.id, power_state }, quietLog)

const running = { vm_state: 'active', power_state: POWER.running } as const

describe('what follows from a power state', () => {
  const RULES: [VmState, PowerState, VmState, boolean][] = [
    ['active', 'running', 'active', false],
    ['active', 'paused', 'active', false],
    ['active', 'shutdown', 'stopped', false],
    ['active', 'crashed', 'stopped', false],
    ['active', 'suspended', 'stopped', false],
    ['stopped', 'shutdown', 'stopped', false],
    ['stopped', 'running', 'stopped', true],
    ['stopped', 'paused', 'stopped', true],
    ['paused', 'shutdown', 'stopped', false],
    ['error', 'running', 'error', false],
    ['rescued', 'shutdown', 'rescued', false],
  ]
  test.each(RULES)('a server that is %s and whose guest is %s is %s afterwards', async (vm_state, power, after, stops) => {
    const server = await serverThat({ vm_state, power_state: POWER.nostate })
    const task = await report(server, power)
    const now = await findServer(cell, server.id)
    expect(now).toMatchObject({ vm_state: after, power_state: POWER[power], task_state: stops ? 'powering-off' : null })
    const tasks = await cell.sql<{ id: string; kind: string }[]>`select id, kind from tasks where subject = ${server.id}`
    expect(tasks.map((row) => [row.id, row.kind])).toEqual(stops ? [[task!, 'server.stop']] : [])
    expect(now!.generation).toBe(server.generation + (stops ? 2 : 0))
  })
})

test('a server that a task is busy with is left alone', async () => {
  const server = await serverThat({ ...running, task_state: 'rebooting' })
  await report(server, 'shutdown')
  expect(await findServer(cell, server.id)).toMatchObject({ ...running, task_state: 'rebooting' })
})

test('a host is not believed about a server that is placed elsewhere', async () => {
  const server = await serverThat(running)
  await report(server, 'shutdown', START, 'host-2')
  expect(await findServer(cell, server.id)).toMatchObject(running)
})

test('a report that was sent earlier and arrives later changes nothing', async () => {
  const server = await serverThat(running)
  await report(server, 'paused', START + 2000)
  await report(server, 'shutdown', START + 1000)
  expect(await findServer(cell, server.id)).toMatchObject({ vm_state: 'active', power_state: POWER.paused })
})

test('so does one that is overtaken by a report which said nothing new', async () => {
  const server = await serverThat(running)
  await report(server, 'running', START + 2000)
  await report(server, 'shutdown', START + 1000)
  expect(await findServer(cell, server.id)).toMatchObject(running)
})

test('a report that says nothing new does not seem to be a change of the server', async () => {
  const server = await serverThat(running)
  await report(server, 'running', START)
  expect((await findServer(cell, server.id))!.updated_at).toEqual(server.updated_at)
})

test('reports of many conductors at once end with the last one sent, and one task', async () => {
  const server = await serverThat({ vm_state: 'stopped', power_state: POWER.shutdown })
  await Promise.all(Array.from({ length: 10 }, (_, index) => report(server, 'running', START + index * 1000)))
  expect(await cell.sql`select id from tasks where subject = ${server.id}`).toHaveLength(1)
})

test('a server that is gone is no concern', async () => {
  expect(await report(acceptedServer(), 'running')).toBeNull()
})
