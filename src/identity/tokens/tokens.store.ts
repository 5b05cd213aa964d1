import type { GlobalSql, GlobalTx } from '../../platform/db/index.ts'
import type { StoredKey } from './keyring.ts'
import type { Revocation, RevocationKind } from './revocations.ts'

export async function readKeys(sql: GlobalSql): Promise<StoredKey[]> {
  return sql<StoredKey[]>`
    select id, secret, extract(epoch from now() - created_at)::float8 as age_s
    from token_keys order by created_at, id`
}

export async function insertKey(tx: GlobalTx, key: { id: string; secret: Uint8Array }): Promise<void> {
  await tx`insert into token_keys (id, secret) values (${key.id}, ${Buffer.from(key.secret)})`
}

export async function deleteKeys(tx: GlobalTx, ids: readonly string[]): Promise<void> {
  await tx`delete from token_keys where id = any(${ids as string[]})`
}

/** Makes this transaction the only one that changes keys or revokes until it ends. */
export async function lockClock(tx: GlobalTx): Promise<void> {
  await tx`select tick from revocation_clock for update`
}

export async function readRevocationsSince(sql: GlobalSql, tick: number): Promise<Revocation[]> {
  return sql<Revocation[]>`
    select tick, kind, subject, extract(epoch from expires_at)::float8 as "expiresAt_s"
    from revocations where tick > ${tick} order by tick`
}

export interface NewRevocation {
  readonly kind: RevocationKind
  readonly subject: string
  readonly userId?: string
  /** How long rows must be kept, from now. */
  readonly keep_s: number
}

export async function insertRevocation(tx: GlobalTx, added: NewRevocation): Promise<void> {
  await tx`
    with clock as (update revocation_clock set tick = tick + 1 returning tick)
    insert into revocations (tick, kind, subject, user_id, expires_at)
    select tick, ${added.kind}, ${added.subject}, ${added.userId ?? null},
           now() + make_interval(secs => ${added.keep_s}::float8)
    from clock`
}

/** Single tokens of a user that are revoked and kept. */
export async function countRevokedTokens(tx: GlobalTx, userId: string): Promise<number> {
  const [row] = await tx<{ count: number }[]>`
    select count(*)::int as count from revocations where kind = 'token' and user_id = ${userId}`
  return row?.count ?? 0
}

export async function deleteRevokedTokens(tx: GlobalTx, userId: string): Promise<void> {
  await tx`delete from revocations where kind = 'token' and user_id = ${userId}`
}

export async function deleteExpiredRevocations(sql: GlobalSql): Promise<void> {
  await sql`delete from revocations where expires_at < now()`
}
