import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Type as T } from '@sinclair/typebox'
import { quietLog, type TestDatabases, testDatabases } from '../../test/support/database.ts'
import { eventually } from '../../test/support/eventually.ts'
import { newId, newRequestId, Problem, systemClock } from '../kernel/index.ts'
import { createMemoryBus } from '../platform/bus/index.ts'
import type { GlobalTx } from '../platform/db/index.ts'
import { createEngine } from './engine.ts'
import { step, type TaskKind } from './task.ts'
import { insertTask } from './tasks.store.ts'

let databases: TestDatabases
beforeAll(async () => {
  databases = await testDatabases()
})
afterAll(() => databases.drop())

test('a task that was cut off from the database goes on before its lease runs out', async () => {
  const db = databases.global
  let ends = 0
  const kind: TaskKind<GlobalTx> = {
    kind: 'test.cut-off',
    input: T.Object({}),
    deadline_s: 60,
    attempts: 1,
    steps: [
      step('refuse', {
        do: async () => {
          throw new Problem('conflict', 'no')
        },
        undo: null,
      }),
    ],
    failed: async () => {
      if (++ends === 1) throw Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' })
    },
  }
  const bus = createMemoryBus({ log: quietLog })
  const options = { db, kinds: [kind], bus, conductor: newId(), clock: systemClock, log: quietLog, concurrency: 4 }
  const engine = createEngine(options)
  await db.transaction((tx) =>
    insertTask(tx, { kind: kind.kind, subject: newId(), request_id: newRequestId(), input: {}, deadline_s: 60 }),
  )
  await engine.start()
  await eventually(async () => expect(await db.sql`select id from tasks`).toHaveLength(0), 15)
  expect(ends).toBe(2)
  await engine.stop()
  await bus.close()
}, 30_000)
