import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { insertMigration, type Migration } from '../src/cells/index.ts'
import { newRequestId } from '../src/kernel/index.ts'
import { startTestCell, type TestCell, until } from './support/cell.ts'

/** A live migration under way, and what may be done about it. */
let cell: TestCell
let held: PromiseWithResolvers<void> | null = null
let reached: (() => void) | null = null

beforeAll(async () => {
  cell = await startTestCell({
    hosts: 2,
    fault(point) {
      if (point !== 'live_migrate' || !held) return
      reached?.()
      return held.promise
    },
  })
}, 30_000)
// Whatever a test came to, its guest does not hold up the next one.
afterEach(() => {
  held?.resolve()
  held = null
})
afterAll(() => cell.stop())

const db = () => cell.cells.get('cell1')
const serverOf = async (id: string) => (await cell.cells.find(id))!.server
const migrationOf = async (id: string): Promise<Migration> =>
  (await db().sql<Migration[]>`select * from migrations where server_id = ${id}`)[0]!

/** A server whose guest is on its way and does not arrive before it is let go. */
async function underWay(): Promise<{ id: string; from: string; release: () => void }> {
  const { id } = await cell.create()
  await cell.settled()
  const server = await serverOf(id)
  const hold = (held = Promise.withResolvers<void>())
  const onItsWay = new Promise<void>((resolve) => (reached = resolve))
  await db().sql`update servers set task_state = 'migrating' where id = ${id}`
  await cell.request('server.live-migrate', id, { host: null, force: false, storage: 'auto' }, (request_id) =>
    db().transaction((tx) =>
      insertMigration(tx, {
        server_id: id,
        migration_type: 'live-migration',
        status: 'accepted',
        source_compute: server.host,
        source_node: server.node,
        old_flavor: server.flavor,
        new_flavor: server.flavor,
        power_on: true,
        user_id: 'user',
        project_id: 'project',
        request_id,
      }),
    ),
  )
  await onItsWay
  await until(async () => (await migrationOf(id)).status === 'running', 10)
  return {
    id,
    from: server.host!,
    release() {
      held = null
      hold.resolve()
    },
  }
}

test('it is shown as running, with how much there is to go over', async () => {
  const { id, release } = await underWay()
  const { memory_total_bytes, memory_remaining_bytes, dest_compute, source_compute } = await migrationOf(id)
  expect(memory_total_bytes).toBe(64 * 2 ** 20)
  expect(memory_remaining_bytes).toBe(64 * 2 ** 20)
  expect(dest_compute).not.toBe(source_compute)
  release()
  await cell.settled()
  expect((await migrationOf(id)).status).toBe('completed')
  expect((await serverOf(id)).host).toBe(dest_compute)
})

test('called off, the guest runs on where it is and nothing is left where it was to go', async () => {
  const { id, from, release } = await underWay()
  await db().sql`update migrations set cancel_request_id = ${newRequestId()} where server_id = ${id}`
  await db().sql`update tasks set cancelled = true where subject = ${id}`
  await cell.settled(30)
  release()
  expect((await migrationOf(id)).status).toBe('cancelled')
  const server = await serverOf(id)
  expect([server.host, server.vm_state, server.task_state]).toEqual([from, 'active', null])
  expect(await cell.unbalanced()).toEqual([])
}, 60_000)

test('forced, it ends although its memory would not', async () => {
  const { id, from, release } = await underWay()
  const { uuid } = await migrationOf(id)
  await cell.request('server.force-complete', uuid, { server_id: id, host: from })
  await cell.settled()
  release()
  expect((await migrationOf(id)).status).toBe('completed')
  expect((await serverOf(id)).host).not.toBe(from)
  expect(await cell.unbalanced()).toEqual([])
})

test('a delete calls it off too, and leaves nothing on either host', async () => {
  const { id, release } = await underWay()
  await cell.remove(id)
  await cell.settled(30)
  release()
  expect(await cell.cells.find(id)).toBeNull()
  for (const driver of cell.hosts.drivers.values()) {
    expect((await driver.guests()).map((guest) => guest.server_id)).not.toContain(id)
  }
}, 60_000)
