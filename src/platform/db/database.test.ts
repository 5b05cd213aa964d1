import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type TestDatabases, testDatabases } from '../../../test/support/database.ts'
import { type CellDb, type CellSql, type CellTx, type GlobalSql, TRANSACTION_ATTEMPTS } from './database.ts'
import { asProblem, isForeignKeyViolation, isUniqueViolation } from './errors.ts'

describe('a database', () => {
  let databases: TestDatabases
  let cell: CellDb
  beforeAll(async () => {
    databases = await testDatabases()
    cell = databases.cells.get('cell1') as CellDb
    await databases.global.sql`create table counters (name text primary key, value bigint not null default 0)`
    await databases.global.sql`create table readings (counter text references counters (name))`
  })
  afterAll(() => databases.drop())

  const reason = (promise: PromiseLike<unknown>): PromiseLike<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    )
  const counter = async (name: string): Promise<number | undefined> => {
    const [row] = await databases.global.sql<{ value: number }[]>`select value from counters where name = ${name}`
    return row?.value
  }

  test('sees the tables of its own schema only', async () => {
    const seen = async (sql: GlobalSql | CellSql) => [...(await sql`select current_schemas(false)::text[] as seen`)]
    expect(await seen(databases.global.sql)).toEqual([{ seen: ['global'] }])
    expect(await seen(cell.sql)).toEqual([{ seen: ['cell1'] }])
    expect(await reason(databases.global.sql`select 1 from hosts`)).toMatchObject({ code: '42P01' })
  })

  test('commits what a transaction did, and nothing of one that failed', async () => {
    const { global } = databases
    const result = await global.transaction(async (tx) => {
      await tx`insert into counters (name) values ('kept')`
      return ['an', 'array']
    })
    expect(result).toEqual(['an', 'array'])
    const failed = global.transaction(async (tx) => {
      await tx`insert into counters (name) values ('dropped')`
      throw new Error('changed my mind')
    })
    expect(await reason(failed)).toMatchObject({ message: 'changed my mind' })
    expect(await counter('kept')).toBe(0)
    expect(await counter('dropped')).toBeUndefined()
  })

  test('repeats a transaction that collided with another, so that no update is lost', async () => {
    const { global } = databases
    await global.sql`insert into counters (name) values ('contended')`
    const bothHaveRead = Promise.withResolvers<void>()
    let runs = 0
    const increment = (): Promise<void> =>
      global.transaction(
        async (tx) => {
          const [row] = await tx<{ value: number }[]>`select value from counters where name = 'contended'`
          if (++runs === 2) bothHaveRead.resolve()
          await bothHaveRead.promise
          await tx`update counters set value = ${(row?.value ?? 0) + 1} where name = 'contended'`
        },
        { isolation: 'serializable' },
      )
    await Promise.all([increment(), increment()])
    expect(await counter('contended')).toBe(2)
    expect(runs).toBe(3)
  })

  test('repeats the victim of a deadlock', async () => {
    const { global } = databases
    await global.sql`insert into counters (name) values ('left'), ('right')`
    const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
    const both = async (first: string, second: string, mine: 0 | 1): Promise<void> =>
      global.transaction(async (tx) => {
        await tx`update counters set value = value + 1 where name = ${first}`
        met[mine].resolve()
        await met[(1 - mine) as 0 | 1].promise
        await tx`update counters set value = value + 1 where name = ${second}`
      })
    await Promise.all([both('left', 'right', 0), both('right', 'left', 1)])
    expect([await counter('left'), await counter('right')]).toEqual([2, 2])
  })

  test('gives up a transaction that collides every time, as unavailable', async () => {
    let runs = 0
    const error = await reason(
      databases.global.transaction(async (tx) => {
        runs++
        await tx`do $$ begin raise exception 'again' using errcode = '40001'; end $$`
      }),
    )
    expect(runs).toBe(TRANSACTION_ATTEMPTS)
    expect(asProblem(error)).toMatchObject({ kind: 'unavailable' })
  })

  test('refuses writes in a read-only transaction', async () => {
    const write = databases.global.transaction((tx) => tx`insert into counters (name) values ('no')`, {
      readOnly: true,
    })
    expect(await reason(write)).toMatchObject({ code: '25006' })
  })

  test('gives bigints as numbers, and fails where one would lose digits', async () => {
    const { sql } = databases.global
    const [row] = await sql`select count(*) as n, ${2 ** 53 - 1}::bigint as most from cells`
    expect(row).toEqual({ n: 2, most: Number.MAX_SAFE_INTEGER })
    expect(await reason(sql`select 9007199254740993 as n`)).toBeInstanceOf(RangeError)
  })

  test('gives times as dates and JSON as values', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z')
    const [row] = await databases.global.sql`
      select ${at}::timestamptz as at, ${databases.global.sql.json({ a: [1, null] })} as json, '{x,y}'::text[] as list`
    expect(row).toEqual({ at, json: { a: [1, null] }, list: ['x', 'y'] })
  })

  test('bounds how long a statement runs and waits for a lock', async () => {
    const settings = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
    const rows = await databases.global.sql<{ setting: number }[]>`
      select setting::int from pg_settings where name = any(${settings})`
    expect(rows).toHaveLength(3)
    expect(rows.every(({ setting }) => setting > 0)).toBe(true)
    const slow = databases.global.transaction(async (tx) => {
      await tx`set local statement_timeout = '10ms'`
      await tx`select pg_sleep(10)`
    })
    expect(asProblem(await reason(slow))).toMatchObject({ kind: 'unavailable' })
  })

  test('leaves constraint violations to who caused them', async () => {
    const { sql } = databases.global
    await sql`insert into counters (name) values ('taken')`
    const unique = await reason(sql`insert into counters (name) values ('taken')`)
    expect(isUniqueViolation(unique)).toBe(true)
    expect(isUniqueViolation(unique, 'counters_pkey')).toBe(true)
    expect(isUniqueViolation(unique, 'other_pkey')).toBe(false)
    expect(asProblem(unique)).toBeUndefined()
    const foreign = await reason(sql`insert into readings values ('nothing')`)
    expect(isForeignKeyViolation(foreign, 'readings_counter_fkey')).toBe(true)
    expect(isUniqueViolation(foreign)).toBe(false)
  })

  test('healthy says whether all databases answer', async () => {
    expect(await databases.healthy()).toBe(true)
    const closed = await testDatabases()
    await closed.drop()
    expect(await closed.healthy()).toBe(false)
  })
})

test('errors that are not the database’s are no business of asProblem', () => {
  expect(asProblem(new TypeError('x is undefined'))).toBeUndefined()
  expect(asProblem('text')).toBeUndefined()
  expect(asProblem(Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' }))).toBeUndefined()
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', syscall: 'connect' })
  expect(asProblem(refused)).toMatchObject({ kind: 'unavailable', cause: refused })
})

test('the compiler refuses a statement for the other kind of database', () => {
  const onCell = (sql: CellSql): unknown => sql
  const inCell = (tx: CellTx): unknown => tx
  const check = (global: GlobalSql, cell: CellSql, tx: CellTx): void => {
    onCell(cell)
    onCell(tx)
    inCell(tx)
    // @ts-expect-error a statement for global in a function for cells
    onCell(global)
    // @ts-expect-error no transaction
    inCell(cell)
  }
  expect(check).toBeFunction()
})
