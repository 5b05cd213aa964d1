import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { quietLog, type TestDatabases, testDatabases } from '../../../test/support/database.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { START_TIMEOUT_MS } from '../../../test/support/identity.ts'
import { type Clock, newHexId, systemClock } from '../../kernel/index.ts'
import { createMemoryBus } from '../../platform/bus/index.ts'
import type { TokenInfo } from './token.ts'
import { createTokens, MAX_REVOKED_TOKENS_PER_USER, type Tokens } from './tokens.ts'

const lifetime_s = 3600
let databases: TestDatabases
const opened: Tokens[] = []

beforeAll(async () => {
  databases = await testDatabases()
}, START_TIMEOUT_MS)
afterEach(async () => {
  await Promise.all(opened.splice(0).map((tokens) => tokens.close()))
})
afterAll(() => databases.drop())

test('a token of one process is good in another', async () => {
  const [here, there] = [await process(), await process()]
  const { token, info } = here.issue(fresh())
  expect(there.verify(token)).toEqual(info)
})

test('a token ends at its expiry to the second', async () => {
  let now = Date.now()
  const tokens = await process({ now: () => now })
  const info = fresh({ expiresAt_s: Math.floor(now / 1000) + 10 })
  const { token } = tokens.issue(info)
  now = info.expiresAt_s * 1000 - 1
  expect(tokens.verify(token)).toEqual(info)
  now += 1
  expect(() => tokens.verify(token)).toThrow('requires authentication')
})

test('what is no token is refused like one that has ended', async () => {
  const tokens = await process()
  for (const text of ['', 'x', 'gAAAAABk', 'A'.repeat(10_000), '💥', token(tokens).slice(1)]) {
    expect(() => tokens.verify(text)).toThrow('The request you have made requires authentication.')
  }
})

test('a revoked token is refused here at once and elsewhere after a refresh; others of the user live on', async () => {
  const [here, there] = [await process(), await process()]
  const user = newHexId()
  const [ended, other] = [here.issue(fresh({}, user)), here.issue(fresh({}, user))]
  there.verify(ended.token)
  await here.revokeToken(ended.info)
  expect(() => here.verify(ended.token)).toThrow()
  await there.refresh()
  expect(() => there.verify(ended.token)).toThrow()
  expect(there.verify(other.token)).toEqual(other.info)
})

test('the bus tells other processes without a poll', async () => {
  const bus = createMemoryBus({ log: quietLog })
  const never: Clock = { now: Date.now, sleep: (_ms, signal) => aborted(signal) }
  const open = async () => {
    const tokens = await createTokens({ db: databases.global, clock: never, log: quietLog, bus, lifetime_s })
    opened.push(tokens)
    return tokens
  }
  const [here, there] = [await open(), await open()]
  const { token: text, info } = here.issue(fresh())
  there.verify(text)
  await here.revokeToken(info)
  await eventually(async () => expect(isGood(there, text)).toBe(false))
  await bus.close()
})

test('rights that were read while their revocation was not yet committed end with it', async () => {
  const tokens = await process()
  const userId = newHexId()
  const tickNow = async () => {
    const [row] = await databases.global.sql<{ tick: number }[]>`select tick from revocation_clock`
    return row!.tick
  }
  let meanwhile: string | undefined
  await tokens.revoking(async (_tx, revoke) => {
    await revoke('user', userId)
    meanwhile = tokens.issue(fresh({ tick: await tickNow() }, userId)).token
    tokens.verify(meanwhile)
  })
  expect(() => tokens.verify(meanwhile!)).toThrow()
  expect(isGood(tokens, tokens.issue(fresh({ tick: await tickNow() }, userId)).token)).toBe(true)
})

test('a transaction that fails revokes nothing', async () => {
  const tokens = await process()
  const { token: text, info } = tokens.issue(fresh())
  const failing = tokens.revoking(async (_tx, revoke) => {
    await revoke('user', info.user.id)
    throw new Error('no')
  })
  expect(failing).rejects.toThrow('no')
  await failing.catch(() => {})
  await tokens.refresh()
  expect(isGood(tokens, text)).toBe(true)
})

test('tokens are verified while the database is away', async () => {
  const away = await testDatabases()
  const tokens = await createTokens({ db: away.global, clock: systemClock, log: quietLog, lifetime_s })
  const { token: text, info } = tokens.issue(fresh())
  await away.drop()
  expect(tokens.verify(text)).toEqual(info)
  await tokens.close()
})

test('the revoked tokens of one user are bounded: one too many ends them all in one row', async () => {
  const tokens = await process()
  const userId = newHexId()
  const spared = tokens.issue(fresh({}, userId))
  await tokens.revoking(async (tx) => {
    const count = MAX_REVOKED_TOKENS_PER_USER
    await tx`
      insert into revocations (tick, kind, subject, user_id, expires_at)
      select tick + n, 'token', ${userId} || n, ${userId}, now() + interval '1 hour'
      from revocation_clock, generate_series(1, ${count}::int) n`
    await tx`update revocation_clock set tick = tick + ${count}`
  })
  expect(isGood(tokens, spared.token)).toBe(true)
  await tokens.revokeToken(fresh({}, userId))
  expect(isGood(tokens, spared.token)).toBe(false)
  const rows = await databases.global.sql<{ kind: string }[]>`
    select kind from revocations where user_id = ${userId} or subject = ${userId}`
  expect(rows.map((row) => row.kind)).toEqual(['user'])
})

test('processes that start at once on an empty database agree on one key', async () => {
  const empty = await testDatabases()
  const starting = Array.from({ length: 4 }, () =>
    createTokens({ db: empty.global, clock: systemClock, log: quietLog, lifetime_s }),
  )
  const [first, ...others] = await Promise.all(starting)
  const text = token(first!)
  expect(others.every((other) => isGood(other, text))).toBe(true)
  expect(await empty.global.sql`select id from token_keys`).toHaveLength(1)
  await Promise.all([first, ...others].map((tokens) => tokens!.close()))
  await empty.drop()
})

test('a rotation leaves tokens good, and the removal of their key ends them', async () => {
  const tokens = await process()
  const before = token(tokens)
  await tokens.rotateKeys()
  expect(isGood(tokens, before)).toBe(true)
  expect(isGood(tokens, token(tokens))).toBe(true)
  await databases.global.sql`delete from token_keys`
  await tokens.rotateKeys()
  expect(isGood(tokens, before)).toBe(false)
  expect(isGood(tokens, token(tokens))).toBe(true)
})

async function process(clock: Partial<Clock> = {}): Promise<Tokens> {
  const tokens = await createTokens({
    db: databases.global,
    clock: { ...systemClock, ...clock },
    log: quietLog,
    lifetime_s,
  })
  opened.push(tokens)
  return tokens
}

function token(tokens: Tokens): string {
  return tokens.issue(fresh()).token
}

function isGood(tokens: Tokens, text: string): boolean {
  try {
    tokens.verify(text)
    return true
  } catch {
    return false
  }
}

function fresh(overrides: Partial<TokenInfo> = {}, userId = newHexId()): TokenInfo {
  const now_s = Math.floor(Date.now() / 1000)
  return {
    auditIds: [newHexId()],
    methods: ['password'],
    user: { id: userId, name: 'alice', domain: { id: 'default', name: 'Default' } },
    scope: { kind: 'unscoped' },
    roles: [],
    applicationCredential: null,
    issuedAt_s: now_s,
    expiresAt_s: now_s + lifetime_s,
    tick: 0,
    ...overrides,
  }
}

function aborted(signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
}
