import type { Clock } from '../../kernel/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { Bus } from '../../platform/bus/index.ts'
import type { GlobalDb, GlobalTx } from '../../platform/db/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import { createRecentCache } from './cache.ts'
import { planRotation, sealingKey, type StoredKey } from './keyring.ts'
import { createRevocationList, type RevocationKind } from './revocations.ts'
import { newSealingKey, seal, unseal } from './seal.ts'
import type { TokenInfo } from './token.ts'
import * as store from './tokens.store.ts'

export interface IssuedToken {
  readonly token: string
  readonly info: TokenInfo
}

/** Takes back rights inside a transaction: the tokens end when it commits. */
export type Revoke = (kind: Exclude<RevocationKind, 'token'>, subject: string) => Promise<void>

export interface Tokens {
  issue(info: TokenInfo): IssuedToken
  /** @throws {Problem} unauthorized for a token that is unknown, expired or revoked; the text is the same for all. */
  verify(token: string): TokenInfo
  /** Ends one token. */
  revokeToken(info: TokenInfo): Promise<void>
  /** A transaction that may take back rights. When it resolves, this process no longer accepts the ended tokens. */
  revoking<T>(work: (tx: GlobalTx, revoke: Revoke) => Promise<T>): Promise<T>
  /** A new key takes over (after `KEY_ACTIVATION_S`). Tokens sealed with older ones live on until they expire. */
  rotateKeys(): Promise<void>
  /** Reads keys and revocations that other processes have added. */
  refresh(): Promise<void>
  close(): Promise<void>
}

/** How far another process may be behind with revocations and keys when the bus does not ring. */
const POLL_INTERVAL_MS = 2_000
const MAINTENANCE_INTERVAL_MS = 600_000
/** Single revoked tokens kept per user; one more ends all of the user's tokens, and the list stays bounded. */
export const MAX_REVOKED_TOKENS_PER_USER = 4_096
const VERIFIED_TOKENS_PER_GENERATION = 1_024
/** Kept longer than any token lives: clocks differ, and before a restart tokens may have been made to live longer. */
const KEEP_MARGIN_S = 24 * 3600
/** Allowance for clocks of different machines. */
const CLOCK_SKEW_S = 600
const TOPIC = 'identity.tokens'

export interface TokensOptions {
  readonly db: GlobalDb
  readonly clock: Clock
  readonly log: Logger
  /** Rings other processes when something was revoked; without it they find out when they poll. */
  readonly bus?: Pick<Bus, 'broadcast' | 'listen'>
  readonly lifetime_s: number
}

interface Verified {
  readonly info: TokenInfo
  /** The list of revocations has been asked up to this tick. */
  checkedAtTick: number
}

export async function createTokens({ db, clock, log, bus, lifetime_s }: TokensOptions): Promise<Tokens> {
  const revocations = createRevocationList()
  const verified = createRecentCache<Verified>(VERIFIED_TOKENS_PER_GENERATION)
  const keep_s = lifetime_s + KEEP_MARGIN_S
  let stored: readonly StoredKey[] = []
  let keys: ReadonlyMap<string, StoredKey> = new Map()

  async function refresh(): Promise<void> {
    const [readKeys, added] = await Promise.all([
      store.readKeys(db.sql),
      store.readRevocationsSince(db.sql, revocations.lastTick),
    ])
    revocations.update(added, clock.now() / 1000)
    if (stored.some((key) => !readKeys.some((read) => read.id === key.id))) verified.clear()
    stored = readKeys
    keys = new Map(readKeys.map((key) => [key.id, key]))
  }

  /** Rings the others and catches up here. Committed work stays done whatever happens: the next poll repairs it. */
  async function announce(): Promise<void> {
    const told = bus?.broadcast(TOPIC, null).catch((err: unknown) => log.warn({ err }, 'cannot announce a revocation'))
    await refresh().catch((err: unknown) => log.warn({ err }, 'cannot read revocations, will retry'))
    await told
  }

  async function rotate(force: boolean): Promise<void> {
    await db.transaction(async (tx) => {
      await store.lockClock(tx)
      const { create, drop } = planRotation(await store.readKeys(tx), { keep_s, force })
      if (create) await store.insertKey(tx, newSealingKey())
      if (drop.length > 0) await store.deleteKeys(tx, drop)
    })
  }

  async function maintain(): Promise<void> {
    await rotate(false)
    await store.deleteExpiredRevocations(db.sql)
  }

  await rotate(false)
  await refresh()

  const stopping = new AbortController()
  const rung = bus?.listen(TOPIC, () => {
    refresh().catch((err: unknown) => log.warn({ err }, 'cannot read revocations, will retry'))
  })
  const watching = watch()

  async function watch(): Promise<void> {
    let maintained = clock.now()
    let failing = false
    while (!stopping.signal.aborted) {
      await clock.sleep(POLL_INTERVAL_MS, stopping.signal)
      if (stopping.signal.aborted) return
      try {
        await refresh()
        if (clock.now() - maintained >= MAINTENANCE_INTERVAL_MS) {
          maintained = clock.now()
          await maintain()
        }
        failing = false
      } catch (err) {
        if (!failing) log.warn({ err }, 'cannot read token keys and revocations, retrying')
        failing = true
      }
    }
  }

  function find(token: string): Verified {
    const known = verified.get(token)
    if (known) return known
    const info = unseal(token, keys)
    if (!info) throw invalidToken()
    const fresh = { info, checkedAtTick: -1 }
    // A token of a dead or revoked bearer takes no room: it is refused before it gets here.
    if (isLive(fresh)) verified.set(token, fresh)
    return fresh
  }

  function isLive(entry: Verified): boolean {
    if (entry.info.expiresAt_s * 1000 <= clock.now()) return false
    if (entry.checkedAtTick === revocations.lastTick) return true
    if (revocations.has(entry.info)) return false
    entry.checkedAtTick = revocations.lastTick
    return true
  }

  return {
    issue: (info) => ({ token: seal(info, sealingKey(stored)), info }),
    verify(token) {
      const entry = find(token)
      if (!isLive(entry)) throw invalidToken()
      return entry.info
    },
    async revokeToken(info) {
      const userId = info.user.id
      await db.transaction(async (tx) => {
        await store.lockClock(tx)
        if ((await store.countRevokedTokens(tx, userId)) >= MAX_REVOKED_TOKENS_PER_USER) {
          await store.deleteRevokedTokens(tx, userId)
          await store.insertRevocation(tx, { kind: 'user', subject: userId, keep_s })
          return
        }
        const left_s = Math.max(0, info.expiresAt_s - clock.now() / 1000)
        await store.insertRevocation(tx, {
          kind: 'token',
          subject: info.auditIds[0],
          userId,
          keep_s: Math.min(left_s, lifetime_s) + CLOCK_SKEW_S,
        })
      })
      await announce()
    },
    async revoking(work) {
      const result = await db.transaction((tx) =>
        work(tx, (kind, subject) => store.insertRevocation(tx, { kind, subject, keep_s })),
      )
      await announce()
      return result
    },
    async rotateKeys() {
      await rotate(true)
      await announce()
    },
    refresh,
    async close() {
      stopping.abort()
      await rung?.stop()
      await watching
    },
  }
}

/** One text for every reason, so that nobody learns which part of a token was right. */
export function invalidToken(): Problem {
  return new Problem('unauthorized', 'The request you have made requires authentication.')
}
