import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type postgres from 'postgres'
import type { ColumnTypes, Scope } from './database.ts'

/** The program and the database do not fit each other. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

interface Migration {
  /** File name: `0001_compute.sql`. Files apply in the order of their names. */
  readonly name: string
  readonly sha256: string
  readonly text: string
}

const DIRECTORY = join(import.meta.dir, '../../../sql')
/** How long to wait for another process that is applying the same migrations. */
const LOCK_WAIT = '120s'

/**
 * Brings one schema up to date: each file of `sql/<scope>` that it has not seen, in order, each in a transaction of its
 * own. Any number of processes may do so at once. On a database that is up to date this is one query.
 * @returns how many were to apply.
 * @throws {MigrationError} when an applied file was changed since, or the database knows one that we do not have.
 */
export async function migrate(pool: postgres.Sql<ColumnTypes>, schema: string, scope: Scope): Promise<number> {
  const migrations = readMigrations(join(DIRECTORY, scope))
  const applied = await appliedMigrations(pool)
  const pending = pendingMigrations(migrations, applied, schema)
  for (const migration of pending) await apply(pool, schema, migration)
  return pending.length
}

/** The migrations in `directory`, in order. */
export function readMigrations(directory: string): Migration[] {
  return readdirSync(directory)
    .filter((name) => /^\d{4}_\w+\.sql$/.test(name))
    .sort()
    .map((name) => {
      const text = readFileSync(join(directory, name), 'utf8')
      return { name, sha256: new Bun.CryptoHasher('sha256').update(text).digest('hex'), text }
    })
}

/** Which of `migrations` are still to apply, given the checksums of those applied. @throws {MigrationError} */
export function pendingMigrations(
  migrations: readonly Migration[],
  applied: ReadonlyMap<string, string>,
  schema: string,
): Migration[] {
  const names = new Set(migrations.map((migration) => migration.name))
  const unknown = [...applied.keys()].find((name) => !names.has(name))
  if (unknown !== undefined) {
    throw new MigrationError(`schema "${schema}" has migration ${unknown}, which this release does not: it is newer`)
  }
  return migrations.filter(({ name, sha256 }) => {
    const checksum = applied.get(name)
    if (checksum !== undefined && checksum !== sha256) {
      throw new MigrationError(
        `${name} was changed after it was applied to schema "${schema}": restore it, and put the change in a new file`,
      )
    }
    return checksum === undefined
  })
}

async function appliedMigrations(pool: postgres.Sql<ColumnTypes>): Promise<Map<string, string>> {
  try {
    const rows = await pool<{ name: string; sha256: string }[]>`select name, sha256 from schema_migrations`
    return new Map(rows.map(({ name, sha256 }) => [name, sha256]))
  } catch (error) {
    const undefinedTable = '42P01'
    if ((error as { code?: unknown }).code === undefinedTable) return new Map()
    throw error
  }
}

async function apply(pool: postgres.Sql<ColumnTypes>, schema: string, migration: Migration): Promise<void> {
  const { name, sha256, text } = migration
  await pool.begin(async (tx) => {
    await tx`select set_config('lock_timeout', ${LOCK_WAIT}, true), set_config('statement_timeout', '0', true)`
    await tx`select pg_advisory_xact_lock(hashtextextended(${`bunova migrations of ${schema}`}, 0))`
    await tx`create schema if not exists ${tx(schema)}`
    await tx`
      create table if not exists schema_migrations (
        name text primary key,
        sha256 text not null,
        applied_at timestamptz not null default now()
      )`
    const [other] = await tx`select 1 from schema_migrations where name = ${name}`
    if (other) return
    await tx.unsafe(text)
    await tx`insert into schema_migrations (name, sha256) values (${name}, ${sha256})`
  })
}
