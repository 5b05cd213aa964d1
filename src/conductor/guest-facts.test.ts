import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { acceptedServer } from '../../test/support/cell.ts'
import { quietLog, type TestDatabases, testDatabases } from '../../test/support/database.ts'
import { insertServer } from '../cells/index.ts'
import { agentTopic, type GuestFacts, guestPush } from '../contracts/index.ts'
import { type Bus, createMemoryBus } from '../platform/bus/index.ts'
import type { CellDb } from '../platform/db/index.ts'
import { tellOfGuest } from './guest-facts.ts'

let databases: TestDatabases
let cell: CellDb
const bus: Bus = createMemoryBus({ log: quietLog })
const told = new Map<string, GuestFacts[]>([['host-1', []], ['host-2', []]])
const server = acceptedServer({ task_state: null, host: 'host-1', node: 'host-1', metadata: { role: 'web' } })

beforeAll(async () => {
  databases = await testDatabases()
  cell = databases.cells.get('cell1')!
  await cell.transaction((tx) => insertServer(tx, server))
  for (const [host, facts] of told) {
    bus.serve(agentTopic(host), { concurrency: 1 }, async (message) => {
      facts.push(guestPush.parse(message).guest)
      return {}
    })
  }
})
afterEach(() => told.forEach((facts) => facts.splice(0)))
afterAll(async () => {
  await bus.close()
  await databases.drop()
})

const from = (host: string) => ({ host, sent_at: 0, server_id: server.id })
const asks = (host: string) => tellOfGuest(bus, cell, { ...from(host), event: 'guest_wanted' })
const posts = (host: string, password: string) => tellOfGuest(bus, cell, { ...from(host), event: 'guest_password', password })

test('a host is told what its guest may know, and another host nothing of it', async () => {
  await asks('host-2')
  await asks('host-1')
  expect(told.get('host-2')).toEqual([])
  expect(told.get('host-1')).toMatchObject([{ server_id: server.id, metadata: { role: 'web' }, password: '' }])
})

test('the first password that the host of a guest hands in counts', async () => {
  await posts('host-2', 'of a stranger')
  await posts('host-1', 'first')
  await posts('host-1', 'second')
  expect(told.get('host-1')!.map(({ password }) => password)).toEqual(['first', 'first'])
})
