import type { ConsoleKind } from '../../contracts/index.ts'
import type { GlobalSql } from '../../platform/db/index.ts'

/** Permission to open one console of one server, while it is on this host. */
export interface ConsoleToken {
  readonly server_id: string
  readonly host: string
  readonly kind: ConsoleKind
  /** The word that was asked for: `novnc`, `serial`. */
  readonly type: string
}

/** Takes those away that nobody can use any more, on the way. */
export async function insertToken(
  sql: GlobalSql,
  hash: Uint8Array,
  token: ConsoleToken,
  ttl_s: number,
): Promise<void> {
  await sql`
    with expired as (delete from console_tokens where expires_at <= now())
    insert into console_tokens (token_hash, server_id, host, kind, type, expires_at)
    values (${hash}, ${token.server_id}, ${token.host}, ${token.kind}, ${token.type},
            now() + make_interval(secs => ${ttl_s}))`
}

export async function findToken(sql: GlobalSql, hash: Uint8Array): Promise<ConsoleToken | null> {
  const [row] = await sql<ConsoleToken[]>`
    select server_id, host, kind, type from console_tokens where token_hash = ${hash} and expires_at > now()`
  return row ?? null
}

/** Of two that come with the same token, one gets it. */
export async function takeToken(sql: GlobalSql, hash: Uint8Array): Promise<ConsoleToken | null> {
  const [row] = await sql<(ConsoleToken & { valid: boolean })[]>`
    delete from console_tokens where token_hash = ${hash}
    returning server_id, host, kind, type, expires_at > now() as valid`
  if (!row?.valid) return null
  const { valid: _, ...token } = row
  return token
}
