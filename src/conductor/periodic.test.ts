import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { startTestCell, type TestCell } from '../../test/support/cell.ts'
import { findServer, insertMigration, updateServer, type VmState } from '../cells/index.ts'
import { newId } from '../kernel/index.ts'
import { lookForReserved, lookForWaiting, type Waits } from './periodic.ts'
import type { TaskPorts } from './tasks/ports.ts'

let cell: TestCell
beforeAll(async () => {
  cell = await startTestCell({ hosts: 2 })
}, 30_000)
afterAll(() => cell.stop())
afterEach(async () => {
  for (const { id } of await db().sql<{ id: string }[]>`select id from servers where deleted_at is null`) await cell.remove(id)
  await cell.settled()
})

const db = () => cell.cells.get('cell1')
const NEVER: Waits = { resize_confirm_window_s: 0, shelved_offload_time_s: -1, reclaim_instance_interval_s: 0 }

/** Looks as a conductor does, `after_s` from now. @returns what the server is when all that follows is done */
async function look(id: string, waits: Partial<Waits>, after_s: number): Promise<VmState | 'gone'> {
  const ports = { cells: cell.cells, ring: () => {} } as unknown as TaskPorts
  await lookForWaiting(ports, db(), { ...NEVER, ...waits }, new Date(Date.now() + after_s * 1000))
  // A new life of the conductor finds the tasks, of which nobody was told.
  await cell.conduct()
  await cell.settled()
  return (await findServer(db(), id))?.vm_state ?? 'gone'
}

async function active(): Promise<string> {
  const { id } = await cell.create()
  await cell.settled()
  return id
}

test('a resize is confirmed by itself when its window has passed, and not before', async () => {
  const id = await active()
  const server = (await findServer(db(), id))!
  await cell.request('server.resize', id, { host: null, may_stay: false }, (request_id) =>
    db().transaction((tx) =>
      insertMigration(tx, {
        server_id: id,
        migration_type: 'resize',
        status: 'pre-migrating',
        source_compute: server.host,
        source_node: server.node,
        old_flavor: server.flavor,
        new_flavor: { ...server.flavor, vcpus: 2 },
        power_on: true,
        user_id: 'user',
        project_id: 'project',
        request_id,
      }),
    ),
  )
  await cell.settled()
  expect(await look(id, {}, 3600)).toBe('resized')
  expect(await look(id, { resize_confirm_window_s: 60 }, 30)).toBe('resized')
  expect(await look(id, { resize_confirm_window_s: 60 }, 90)).toBe('active')
  expect(await cell.unbalanced()).toEqual([])
})

test('a shelved server leaves its host when its time has passed', async () => {
  const id = await active()
  await cell.request('server.shelve', id, { image_id: newId(), power_on: true })
  await cell.settled()
  expect(await look(id, {}, 3600)).toBe('shelved')
  expect(await look(id, { shelved_offload_time_s: 60 }, 90)).toBe('shelved_offloaded')
})

test('a server that was deleted softly goes when nobody has restored it in time', async () => {
  const id = await active()
  await cell.request('server.soft-delete', id)
  await cell.settled()
  await db().transaction((tx) => updateServer(tx, id, { system_metadata: { soft_deleted_at: new Date().toISOString() } }))
  expect(await look(id, { reclaim_instance_interval_s: 60 }, 30)).toBe('soft-delete')
  expect(await look(id, { reclaim_instance_interval_s: 60 }, 90)).toBe('gone')
})

test('a server counts as what it is again when what it was to become never came', async () => {
  const id = await active()
  const { global } = cell.databases
  const used = async () => (await global.sql`select cores from quota_usages where project_id = 'project'`)[0]!.cores
  const before = await used()
  await global.sql`update server_mappings set vcpus = vcpus + 3, reserved_at = now() - interval '1 hour' where server_id = ${id}`
  await global.sql`update quota_usages set cores = cores + 3 where project_id = 'project'`
  await lookForReserved({ cells: cell.cells } as TaskPorts, new Date())
  expect(await used()).toBe(before)
})
