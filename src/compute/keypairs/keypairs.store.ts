import type { GlobalDb, GlobalSql } from '../../platform/db/index.ts'

export type KeypairType = 'ssh' | 'x509'

export interface Keypair {
  readonly id: number
  readonly user_id: string
  readonly name: string
  readonly type: KeypairType
  readonly public_key: string
  readonly fingerprint: string
  readonly created_at: Date
}

/**
 * Adds a keypair unless the user has `limit` already (-1: any number). Requests of one user wait for each other, so
 * that the count is exact.
 * @returns null over the limit.
 */
export async function insertKeypair(
  db: GlobalDb,
  keypair: Omit<Keypair, 'id' | 'created_at'>,
  limit: number,
): Promise<Keypair | null> {
  return db.transaction(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended(${`keypairs ${keypair.user_id}`}, 0))`
    const [row] = await tx<Keypair[]>`
      insert into keypairs (user_id, name, type, public_key, fingerprint)
      select ${keypair.user_id}, ${keypair.name}, ${keypair.type}, ${keypair.public_key}, ${keypair.fingerprint}
      where ${limit} < 0 or (select count(*) from keypairs where user_id = ${keypair.user_id}) < ${limit}
      returning *`
    return row ?? null
  })
}

export async function findKeypair(sql: GlobalSql, userId: string, name: string): Promise<Keypair | null> {
  const [row] = await sql<Keypair[]>`select * from keypairs where user_id = ${userId} and name = ${name}`
  return row ?? null
}

/** In order of names; `marker` is the last name of the page before. */
export async function listKeypairs(
  db: GlobalDb,
  userId: string,
  page: { limit: number; marker: string | null },
): Promise<Keypair[]> {
  return db.sql<Keypair[]>`
    select * from keypairs
    where user_id = ${userId} and (${page.marker}::text is null or name collate "C" > ${page.marker})
    order by name collate "C" limit ${page.limit}`
}

export async function countKeypairs(db: GlobalDb, userId: string): Promise<number> {
  const [row] = await db.sql<{ count: number }[]>`select count(*) from keypairs where user_id = ${userId}`
  return row?.count ?? 0
}

/** @returns false when there was none. */
export async function deleteKeypair(db: GlobalDb, userId: string, name: string): Promise<boolean> {
  const { count } = await db.sql`delete from keypairs where user_id = ${userId} and name = ${name}`
  return count > 0
}
