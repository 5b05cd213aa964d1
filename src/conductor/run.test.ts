import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { Type as T } from '@sinclair/typebox'
import { quietLog, type TestDatabases, testDatabases } from '../../test/support/database.ts'
import { manualClock, type ManualClock } from '../../test/support/manual-clock.ts'
import { newId, newRequestId, Problem } from '../kernel/index.ts'
import type { GlobalTx } from '../platform/db/index.ts'
import { runTask, Stopping } from './run.ts'
import { none, step, type Step, type TaskKind } from './task.ts'
import { cancelTasks, insertTask, LeaseLost, takeLease, type TaskRow } from './tasks.store.ts'

let databases: TestDatabases
beforeAll(async () => {
  databases = await testDatabases()
  await databases.global.sql`create table notes (text text)`
})
afterAll(() => databases.drop())

let clock: ManualClock
beforeEach(async () => {
  clock = manualClock(Date.now())
  await databases.global.sql`delete from tasks`
  await databases.global.sql`delete from notes`
})

type Kind = TaskKind<GlobalTx>
type Steps = readonly Step<GlobalTx, unknown>[]

const note = async (tx: GlobalTx, text: string): Promise<void> => {
  await tx`insert into notes values (${text})`
}
const notes = async (): Promise<string[]> =>
  (await databases.global.sql<{ text: string }[]>`select text from notes order by text`).map((row) => row.text)

function kindOf(steps: Steps, overrides: Partial<Kind> = {}): Kind {
  return {
    kind: 'test',
    input: T.Object({}),
    deadline_s: 60,
    attempts: 1,
    steps,
    failed: (tx, _context, failure) => note(tx, `failed: ${failure.kind}, ${failure.message}`),
    ...overrides,
  }
}

async function leased(): Promise<TaskRow> {
  const id = await databases.global.transaction((tx) =>
    insertTask(tx, { kind: 'test', subject: newId(), request_id: newRequestId(), input: {}, deadline_s: 60 }),
  )
  return (await takeLease(databases.global, id, 'first/1', 15))!
}

/** Takes the task again, as a conductor does when the first one's lease has run out. */
async function takenOver(task: TaskRow): Promise<TaskRow> {
  await databases.global.sql`update tasks set lease_until = null, not_before = now() where id = ${task.id}`
  return (await takeLease(databases.global, task.id, 'second/1', 15))!
}

const run = (task: TaskRow, kind: Kind, signal: AbortSignal = new AbortController().signal): Promise<void> =>
  runTask({ db: databases.global, kind, task, clock, log: quietLog, signal, probe: () => {} })

const rowOf = async (task: TaskRow) =>
  (await databases.global.sql<{ step: number; state: string; attempts: number; lease_owner: string | null }[]>`
    select step, state, attempts, lease_owner from tasks where id = ${task.id}`)[0]

const connectionLost = (): Error =>
  Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' })
const deadlock = (): Error =>
  Object.assign(new Error('deadlock detected'), { name: 'PostgresError', code: '40P01' })

test('who loses the lease in the middle of a step writes nothing more', async () => {
  const task = await leased()
  let other: TaskRow | undefined
  const kind = kindOf([
    step('work', {
      async do() {
        other ??= await takenOver(task)
      },
      record: (tx) => note(tx, 'work'),
      undo: none('nothing outside'),
    }),
    step('last', { record: (tx) => note(tx, 'last'), undo: none('last') }),
  ])
  await expect(run(task, kind)).rejects.toBeInstanceOf(LeaseLost)
  expect(await notes()).toEqual([])
  await run(other!, kind)
  expect(await notes()).toEqual(['last', 'work'])
})

test('who loses the lease while undoing does not write the failure down', async () => {
  const task = await leased()
  const kind = kindOf([
    step('work', {
      do: () => Promise.reject(new Problem('conflict', 'no')),
      undo: async () => void (await takenOver(task)),
    }),
  ])
  await expect(run(task, kind)).rejects.toBeInstanceOf(LeaseLost)
  expect(await notes()).toEqual([])
})

test('an undo that fails is tried again later, and the task is not done before it succeeds', async () => {
  const task = await leased()
  let undos = 0
  const kind = kindOf([
    step('work', {
      do: () => Promise.reject(new Problem('conflict', 'no')),
      undo: async () => {
        if (++undos < 3) throw new Error('still locked')
      },
    }),
  ])
  await run(task, kind)
  expect(await rowOf(task)).toMatchObject({ state: 'undoing', step: 0, lease_owner: null })
  await run(await takenOver(task), kind)
  expect(await notes()).toEqual([])
  await run(await takenOver(task), kind)
  expect(undos).toBe(3)
  expect(await notes()).toEqual(['failed: conflict, no'])
  expect(await rowOf(task)).toBeUndefined()
})

test('what failed is undone in reverse order, with the step that failed', async () => {
  const undone: string[] = []
  const part = (name: string, fails = false) =>
    step<GlobalTx, unknown>(name, {
      do: () => (fails ? Promise.reject(new Error('a secret path')) : Promise.resolve()),
      undo: async () => void undone.push(name),
    })
  await run(await leased(), kindOf([part('one'), part('two'), part('three', true), part('four')]))
  expect(undone).toEqual(['three', 'two', 'one'])
  expect(await notes()).toEqual(['failed: internal, An unexpected error stopped the operation.'])
})

test('a lost answer to a commit neither fails the task nor does the step twice', async () => {
  const task = await leased()
  let breaks = 0
  const kind = kindOf([
    step('work', { record: (tx) => note(tx, 'work'), undo: () => Promise.reject(new Error('nothing has failed')) }),
    step('last', { record: (tx) => note(tx, 'last'), undo: none('last') }),
  ])
  const { global } = databases
  const breaking = {
    ...global,
    // The commit takes effect; what is lost is the word of it.
    transaction: async (work: (tx: GlobalTx) => Promise<unknown>) => {
      await global.transaction(work)
      if (++breaks === 1) throw connectionLost()
    },
  } as typeof global
  const first = runTask({
    db: breaking, kind, task, clock, log: quietLog, signal: new AbortController().signal, probe: () => {},
  })
  await expect(first).rejects.toThrow('CONNECTION_CLOSED')
  expect(await rowOf(task)).toMatchObject({ step: 1, state: 'ready' })
  await run(await takenOver(task), kind)
  expect(await notes()).toEqual(['last', 'work'])
})

test('a database that is away is waited for, however long beyond the patience of the step', async () => {
  let tries = 0
  const kind = kindOf([
    step('work', {
      async do() {
        await clock.advance(5_000)
        if (++tries < 6) throw connectionLost()
      },
      undo: none('nothing'),
      patience_s: 1,
    }),
  ])
  const done = run(await leased(), kind)
  while (tries < 6) {
    await clock.advance(5_000)
    await Bun.sleep(1)
  }
  await done
  expect(await notes()).toEqual([])
})

test('something else that is away is waited for as long as the step is patient, and then its words are the failure', async () => {
  let tries = 0
  let over = false
  const kind = kindOf([
    step('work', {
      do: () => {
        tries++
        return Promise.reject(new Problem('unavailable', 'The scheduler is away.'))
      },
      undo: none('nothing'),
      patience_s: 10,
    }),
  ])
  const start = clock.now()
  const done = run(await leased(), kind).finally(() => {
    over = true
  })
  while (!over) {
    await clock.advance(500)
    await Bun.sleep(1)
  }
  await done
  expect(await notes()).toEqual(['failed: unavailable, The scheduler is away.'])
  expect(tries).toBeGreaterThan(3)
  expect(clock.now() - start).toBeLessThan(60_000)
})

test('a task past its deadline is undone, one that is never given up goes on', async () => {
  let works = 0
  const work = step<GlobalTx, unknown>('work', {
    do: async () => {
      works++
    },
    undo: none('nothing'),
  })
  const late = await leased()
  const endless = await leased()
  await clock.advance(61_000)
  await run(late, kindOf([work]))
  expect(works).toBe(0)
  expect(await notes()).toEqual(['failed: internal, The operation did not end in time.'])
  await run(endless, kindOf([work], { attempts: Number.POSITIVE_INFINITY }))
  expect(works).toBe(1)
})

test('a step ends its wait for a host at its deadline', async () => {
  const kind = kindOf([step('wait', { do: () => new Promise(() => {}), undo: none('nothing'), deadline_s: 0.01 })])
  await run(await leased(), kind)
  expect(await notes()).toEqual(['failed: internal, The compute host did not answer in time.'])
})

test('a task that was cancelled while a step ran is undone after it', async () => {
  const task = await leased()
  const undone: string[] = []
  const kind = kindOf([
    step('work', {
      do: () => databases.global.transaction((tx) => cancelTasks(tx, task.subject)),
      undo: async () => void undone.push('work'),
    }),
    step('never', { do: () => Promise.reject(new Error('went on')), undo: async () => void undone.push('never') }),
  ])
  await run(task, kind)
  expect(undone).toContain('work')
  expect(await notes()).toEqual(['failed: cancelled, the server is being deleted'])
})

test('a transaction that is repeated has its effects after the commit once', async () => {
  let tries = 0
  let effects = 0
  const kind = kindOf([
    step('work', {
      async record(tx, context) {
        context.afterCommit(() => effects++)
        await note(tx, 'work')
        if (++tries === 1) throw deadlock()
      },
      undo: none('nothing'),
    }),
  ])
  await run(await leased(), kind)
  expect({ tries, effects, notes: await notes() }).toEqual({ tries: 2, effects: 1, notes: ['work'] })
})

test('a transaction that is repeated counts one attempt', async () => {
  const attempts: number[] = []
  let tries = 0
  const kind = kindOf(
    [step('work', { do: async ({ attempt }) => { attempts.push(attempt); throw new Problem('conflict', 'no') }, undo: none('nothing') })],
    {
      attempts: 3,
      retry: async (_tx, context) => {
        expect(context.attempt).toBe(attempts.length - 1)
        if (++tries === 1) throw deadlock()
        return { after_s: 0 }
      },
    },
  )
  await run(await leased(), kind)
  expect(attempts).toEqual([0, 1, 2])
})

test('each attempt begins without what the last one knew, and with command ids of its own', async () => {
  const ids: string[] = []
  const known: unknown[] = []
  const kind = kindOf(
    [
      step('work', {
        async do(context) {
          ids.push(context.commandId('spawn'), context.commandId('spawn'))
          known.push(context.output('work'))
          return 'something'
        },
        undo: none('nothing'),
      }),
      step('fail', { do: () => Promise.reject(new Problem('conflict', 'no')), undo: none('nothing') }),
    ],
    { attempts: 2, retry: async () => ({ after_s: 0 }) },
  )
  await run(await leased(), kind)
  expect(known).toEqual([undefined, undefined])
  expect(ids[0]).toBe(ids[1]!)
  expect(ids[2]).not.toBe(ids[0]!)
})

test('an attempt that is to wait gives the lease back', async () => {
  const task = await leased()
  const kind = kindOf([step('work', { do: () => Promise.reject(new Problem('conflict', 'no')), undo: none('nothing') })], {
    attempts: 2,
    retry: async () => ({ after_s: 30 }),
  })
  await run(task, kind)
  expect(await rowOf(task)).toEqual({ step: 0, state: 'ready', attempts: 1, lease_owner: null })
  expect(await takeLease(databases.global, task.id, 'second/1', 15)).toBeNull()
})

test('a stop interrupts the wait for a host and changes nothing', async () => {
  const task = await leased()
  const abort = new AbortController()
  const kind = kindOf([
    step('wait', {
      do: () => {
        abort.abort(new Stopping('the conductor stops'))
        return new Promise(() => {})
      },
      undo: () => Promise.reject(new Error('nothing has failed')),
      deadline_s: 600,
    }),
  ])
  await run(task, kind, abort.signal)
  expect(await rowOf(task)).toEqual({ step: 0, state: 'ready', attempts: 0, lease_owner: null })
})
