import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { Type as T } from '@sinclair/typebox'
import { quietLog, type TestDatabases, testDatabases } from '../../test/support/database.ts'
import { eventually } from '../../test/support/eventually.ts'
import { newId, newRequestId, Problem, systemClock } from '../kernel/index.ts'
import { createMemoryBus } from '../platform/bus/index.ts'
import type { GlobalTx } from '../platform/db/index.ts'
import { createEngine, type Engine } from './engine.ts'
import { Crash, type Probe } from './run.ts'
import { none, step, type Step, type TaskKind } from './task.ts'
import { absentOwners, cancelTasks, insertTask } from './tasks.store.ts'

let databases: TestDatabases
beforeAll(async () => {
  databases = await testDatabases()
})
afterAll(() => databases.drop())

const bus = createMemoryBus({ log: quietLog })
afterAll(() => bus.close())

let engines: Engine[] = []
afterEach(async () => {
  await Promise.all(engines.map((each) => each.stop()))
  engines = []
  await databases.global.sql`delete from tasks`
})

type Kind = TaskKind<GlobalTx>

async function startEngine(kinds: readonly Kind[], options: { concurrency?: number; probe?: Probe } = {}) {
  const engine = createEngine({
    db: databases.global,
    kinds,
    bus,
    conductor: newId(),
    clock: systemClock,
    log: quietLog,
    concurrency: 4,
    ...options,
  })
  engines.push(engine)
  await engine.start()
  return engine
}

function kindOf(steps: readonly Step<GlobalTx, unknown>[], overrides: Partial<Kind> = {}): Kind {
  return { kind: 'test', input: T.Object({}), deadline_s: 60, attempts: 1, steps, failed: async () => {}, ...overrides }
}

const addTask = (subject: string = newId(), kind = 'test'): Promise<string> =>
  databases.global.transaction((tx) =>
    insertTask(tx, { kind, subject, request_id: newRequestId(), input: {}, deadline_s: 60 }),
  )

const tasksLeft = async () =>
  databases.global.sql<{ id: string; lease_owner: string | null; state: string }[]>`
    select id, lease_owner, state from tasks`
const allDone = () => eventually(async () => expect(await tasksLeft()).toHaveLength(0), 20)

const connectionLost = (): Error =>
  Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' })

/** A promise and what resolves it. */
function gate(): { opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

test('a task that was cut off from the database goes on before its lease runs out', async () => {
  let ends = 0
  const refuse = step<GlobalTx, unknown>('refuse', {
    do: () => Promise.reject(new Problem('conflict', 'no')),
    undo: none('nothing is done'),
  })
  const failed = async (): Promise<void> => {
    if (++ends === 1) throw connectionLost()
  }
  await addTask()
  await startEngine([kindOf([refuse], { failed })])
  await allDone()
  expect(ends).toBe(2)
}, 30_000)

test('two engines never run one task at once', async () => {
  const atWork = new Set<string>()
  const runs: string[] = []
  let overlaps = 0
  const work = step<GlobalTx, unknown>('work', {
    async do({ task_id }) {
      if (atWork.has(task_id)) overlaps++
      atWork.add(task_id)
      runs.push(task_id)
      await Bun.sleep(2)
      atWork.delete(task_id)
    },
    undo: none('nothing is left'),
  })
  const ids = await Promise.all(Array.from({ length: 40 }, () => addTask()))
  await Promise.all([startEngine([kindOf([work])]), startEngine([kindOf([work])]), startEngine([kindOf([work])])])
  await allDone()
  expect(overlaps).toBe(0)
  expect(runs.toSorted()).toEqual(ids.toSorted())
})

test('what a conductor held that is gone goes on elsewhere before the lease runs out, and not what one holds that lives', async () => {
  const alive = databases.global.announce('alive/1')
  await alive.ready
  const ids = { 'gone/1': await addTask(), 'alive/1': await addTask() }
  for (const [owner, id] of Object.entries(ids)) {
    await databases.global.sql`
      update tasks set lease_owner = ${owner}, lease_until = now() + interval '1 hour', lease_number = 1 where id = ${id}`
  }
  expect(await absentOwners(databases.global)).toEqual(['gone/1'])
  await startEngine([kindOf([step('nothing', { undo: none('nothing is done') })])])
  await eventually(async () => expect((await tasksLeft()).map((task) => task.lease_owner)).toEqual(['alive/1']), 20)
  await alive.end()
  await allDone()
})

test('the tasks of a conductor that lost its connections stay its own', async () => {
  const name = `conductor/${newId()}`
  const presence = databases.global.announce(name)
  await presence.ready
  const id = await addTask()
  await databases.global.sql`
    update tasks set lease_owner = ${name}, lease_until = now() + interval '1 hour', lease_number = 1 where id = ${id}`
  await databases.global.sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'`
  await eventually(async () => expect(await absentOwners(databases.global)).toEqual([]), 20)
  await presence.end()
  await eventually(async () => expect(await absentOwners(databases.global)).toEqual([name]), 20)
})

test('tasks of one subject run one after the other, oldest first', async () => {
  const subject = newId()
  const order: string[] = []
  let atWork = 0
  const work = step<GlobalTx, unknown>('work', {
    async do({ task_id }) {
      expect(++atWork).toBe(1)
      order.push(task_id)
      await Bun.sleep(2)
      atWork--
    },
    undo: none('nothing is left'),
  })
  const ids: string[] = []
  for (let count = 0; count < 5; count++) ids.push(await addTask(subject))
  await Promise.all([startEngine([kindOf([work])]), startEngine([kindOf([work])])])
  await allDone()
  expect(order).toEqual(ids)
})

test('a task that waits for its turn does not run beyond the bound of those at once', async () => {
  let atWork = 0
  let most = 0
  const work = step<GlobalTx, unknown>('work', {
    async do() {
      most = Math.max(most, ++atWork)
      await Bun.sleep(3)
      atWork--
    },
    undo: none('nothing is left'),
  })
  for (const subject of Array.from({ length: 6 }, () => newId())) {
    for (let count = 0; count < 4; count++) await addTask(subject)
  }
  await startEngine([kindOf([work])], { concurrency: 2 })
  await allDone()
  expect(most).toBe(2)
})

test('a task behind one that is cancelled interrupts its wait', async () => {
  const subject = newId()
  const begun = gate()
  const ends: string[] = []
  const slow = kindOf(
    [
      step('wait', {
        do: () => {
          begun.open()
          return new Promise(() => {})
        },
        undo: async () => {
          ends.push('undone')
        },
        deadline_s: 600,
      }),
    ],
    { kind: 'slow', failed: async (_tx, _context, failure) => void ends.push(failure.kind) },
  )
  const next = kindOf([
    step('go', {
      do: async () => {
        ends.push('next')
      },
      undo: none('nothing is left'),
    }),
  ])
  await addTask(subject, 'slow')
  await startEngine([slow, next])
  await begun.opened
  await databases.global.transaction(async (tx) => {
    await cancelTasks(tx, subject)
    await insertTask(tx, { kind: 'test', subject, request_id: newRequestId(), input: {}, deadline_s: 60 })
  })
  await allDone()
  expect(ends).toEqual(['undone', 'cancelled', 'next'])
})

test('a stop gives back the lease of a task that waits, and leaves it to be done', async () => {
  const begun = gate()
  const wait = step<GlobalTx, unknown>('wait', {
    do: () => {
      begun.open()
      return new Promise(() => {})
    },
    undo: () => Promise.reject(new Error('a stop is no reason to undo')),
    deadline_s: 600,
  })
  const id = await addTask()
  const engine = await startEngine([kindOf([wait])])
  await begun.opened
  await engine.stop()
  expect(await tasksLeft()).toMatchObject([{ id, lease_owner: null, state: 'ready' }])
})

test('a stop does not fail a task whose step waits for something unavailable', async () => {
  const begun = gate()
  const wait = step<GlobalTx, unknown>('wait', {
    do: () => {
      begun.open()
      return Promise.reject(new Problem('unavailable', 'The scheduler is away.'))
    },
    undo: () => Promise.reject(new Error('a stop is no reason to undo')),
  })
  const id = await addTask()
  const engine = await startEngine([kindOf([wait])])
  await begun.opened
  await engine.stop()
  expect(await tasksLeft()).toMatchObject([{ id, lease_owner: null, state: 'ready' }])
})

test('a stop in the middle of taking tasks begins none afterwards', async () => {
  let stopped = false
  let late = 0
  const work = step<GlobalTx, unknown>('work', {
    async do() {
      if (stopped) late++
    },
    undo: none('nothing is left'),
  })
  for (let count = 0; count < 20; count++) await addTask()
  const engine = await startEngine([kindOf([work])], { concurrency: 20 })
  await engine.stop()
  stopped = true
  expect((await tasksLeft()).filter((task) => task.lease_owner !== null)).toEqual([])
  await Bun.sleep(50)
  expect(late).toBe(0)
})

test('a task of a kind that nobody here knows leaves the others alone', async () => {
  let done = 0
  const work = step<GlobalTx, unknown>('work', {
    async do() {
      done++
    },
    undo: none('nothing is left'),
  })
  const unknown = await addTask(newId(), 'of tomorrow')
  await addTask()
  await startEngine([kindOf([work])])
  await eventually(async () => expect((await tasksLeft()).map((task) => task.id)).toEqual([unknown]), 10)
  expect(done).toBe(1)
})

/** Numbers that look random and are the same in every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('whatever crashes, fails or is cancelled, each task ends once and its effects are all there or all gone', async () => {
  const db = databases.global
  const random = randomFrom(20_260)
  const once = (chance: number): boolean => random() < chance
  await db.sql`create table effects (task_id uuid, step text, place text, primary key (task_id, step, place))`
  await db.sql`create table ends (task_id uuid, how text)`

  /** Outside: done in a transaction of its own, safe to repeat. Inside: with the task's own progress. */
  const effect = (name: string): Step<GlobalTx, unknown> =>
    step(name, {
      async do({ task_id }) {
        if (once(0.1)) throw new Problem('internal', 'failed before it did anything')
        if (once(0.05)) throw connectionLost()
        await db.sql`insert into effects values (${task_id}, ${name}, 'outside') on conflict do nothing`
        if (once(0.1)) throw new Problem('internal', 'failed after it did all')
      },
      async record(tx, { task_id }) {
        await tx`insert into effects values (${task_id}, ${name}, 'inside')`
        if (once(0.05)) throw connectionLost()
        if (once(0.05)) throw new Problem('conflict', 'failed to write it down')
      },
      async undo({ task_id }) {
        await db.sql`delete from effects where task_id = ${task_id} and step = ${name}`
      },
    })
  const end = async (tx: GlobalTx, task_id: string, how: string): Promise<void> => {
    await tx`insert into ends values (${task_id}, ${how})`
  }
  const last = step<GlobalTx, unknown>('last', {
    record: (tx, { task_id }) => end(tx, task_id, 'done'),
    undo: none('the transaction that ends the task does it'),
  })
  const kinds = [0, 1, 2, 4].map((length) =>
    kindOf([...Array.from({ length }, (_, index) => effect(`step ${index}`)), last], {
      kind: `test ${length}`,
      attempts: 2,
      retry: async () => ({ after_s: 0 }),
      failed: (tx, { task_id }) => end(tx, task_id, 'failed'),
    }),
  )
  const probe: Probe = () => {
    if (once(0.02)) throw new Crash('power failure')
  }
  const lives = await Promise.all([0, 1, 2].map(() => startEngine(kinds, { probe, concurrency: 8 })))

  const stepsOf = new Map<string, number>()
  for (let count = 0; count < 120; count++) {
    const length = [0, 1, 2, 4][count % 4]!
    const subject = newId()
    stepsOf.set(await addTask(subject, `test ${length}`), length)
    if (once(0.15)) await db.transaction((tx) => cancelTasks(tx, subject))
    // A crashed run keeps its lease, as a killed process does; this is the time that passes until it has run out.
    if (count % 20 === 19) await db.sql`update tasks set lease_until = now() where lease_until is not null`
  }
  // No task is under way any more after the first lives; the second ones do not crash.
  await Promise.all(lives.map((engine) => engine.stop()))
  await db.sql`update tasks set lease_until = null, lease_owner = null, not_before = now()`
  await startEngine(kinds, { concurrency: 16 })
  await eventually(async () => {
    await db.sql`update tasks set not_before = now() where lease_until is null`
    expect(await tasksLeft()).toHaveLength(0)
  }, 40)

  const ends = await db.sql<{ task_id: string; how: string }[]>`select task_id, how from ends`
  expect(ends.map((row) => row.task_id).toSorted()).toEqual([...stepsOf.keys()].toSorted())
  const effects = await db.sql<{ task_id: string; n: number }[]>`select task_id, count(*) as n from effects group by 1`
  const counted = new Map(effects.map((row) => [row.task_id, row.n]))
  for (const { task_id, how } of ends) {
    expect(counted.get(task_id) ?? 0).toBe(how === 'done' ? stepsOf.get(task_id)! * 2 : 0)
  }
  expect(new Set(ends.map((row) => row.how))).toEqual(new Set(['done', 'failed']))
}, 60_000)
