import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type TestDatabases, testDatabases } from '../../../test/support/database.ts'
import { MigrationError, migrate, pendingMigrations } from './migrate.ts'
import { openPool } from './pool.ts'

const migration = (name: string, sha256 = name) => ({ name, sha256, text: '' })

describe('migrations', () => {
  let databases: TestDatabases
  beforeAll(async () => {
    databases = await testDatabases()
  })
  afterAll(() => databases.drop())

  const pool = (schema: string) => openPool({ connection: databases.connections.global, schema, maxConnections: 4 })

  test('are applied once, however many processes start at the same time', async () => {
    const pools = [pool('cell7'), pool('cell7'), pool('cell7')] as const
    const counts = await Promise.all(pools.map((each) => migrate(each, 'cell7', 'cell')))
    expect(Math.max(...counts)).toBeGreaterThan(0)
    expect(await pools[0]`select name from schema_migrations`).toHaveLength(Math.max(...counts))
    expect(await migrate(pools[0], 'cell7', 'cell')).toBe(0)
    await Promise.all(pools.map((each) => each.end()))
  })

  test('that were changed after they were applied are refused by name', async () => {
    const changed = pool('cell8')
    await migrate(changed, 'cell8', 'cell')
    await changed`update schema_migrations set sha256 = 'other' where name like '0001%'`
    const error = await migrate(changed, 'cell8', 'cell').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(MigrationError)
    expect(String(error)).toMatch(/0001_\w+\.sql was changed after it was applied to schema "cell8"/)
    await changed.end()
  })

  test('that only the database knows come from a newer release', () => {
    const applied = new Map([
      ['0001_a.sql', '0001_a.sql'],
      ['0002_b.sql', 'x'],
    ])
    expect(() => pendingMigrations([migration('0001_a.sql')], applied, 'global')).toThrow('0002_b.sql')
  })

  test('go on after the last applied one', () => {
    const all = ['0001_a.sql', '0002_b.sql', '0003_c.sql'].map((name) => migration(name))
    const applied = new Map([['0001_a.sql', '0001_a.sql']])
    expect(pendingMigrations(all, applied, 'global').map(({ name }) => name)).toEqual(['0002_b.sql', '0003_c.sql'])
  })
})
