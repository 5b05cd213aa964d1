import { Problem } from '../kernel/index.ts'

/** Hashing of passwords with bcrypt, off the main thread and bounded. */
export interface Passwords {
  /** @throws {Problem} unavailable when too many logins wait already. */
  hash(password: string): Promise<string>
  /**
   * False for a wrong password. Without a hash (no such user, or one who has no password) the answer is false after the
   * same work, so that its time does not tell who exists.
   * @throws {Problem} unavailable when too many logins wait already.
   */
  verify(password: string, hash: string | null): Promise<boolean>
}

/** bcrypt keeps a core busy for some 0.2 s: two at once leave room for requests on a small machine. */
const MAX_RUNNING = 2
/** At two at a time, the last of these has an answer after some seven seconds. */
export const MAX_WAITING = 64
const RETRY_AFTER_S = 5

/**
 * @param rounds bcrypt's cost, 4 to 31, each step doubling the work (Keystone's `password_hash_rounds`, 12).
 * Bun hashes what is longer than bcrypt's 72 bytes with SHA-512 first instead of cutting it: every byte counts, but
 * such hashes cannot be exchanged with Keystone.
 */
export function createPasswords(rounds: number): Passwords {
  const waiting: (() => void)[] = []
  // Well-formed and of no known password.
  const nobodysHash = `$2b$${String(rounds).padStart(2, '0')}$${'.'.repeat(53)}`
  let running = 0

  async function bounded<T>(work: () => Promise<T>): Promise<T> {
    if (running < MAX_RUNNING) running += 1
    else {
      if (waiting.length >= MAX_WAITING) throw tooManyLogins()
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }

  return {
    hash: (password) => bounded(() => Bun.password.hash(password, { algorithm: 'bcrypt', cost: rounds })),
    verify: (password, hash) =>
      bounded(async () => {
        const matches = await Bun.password.verify(password, hash ?? nobodysHash, 'bcrypt')
        return matches && hash !== null
      }),
  }
}

function tooManyLogins(): Problem {
  return new Problem('unavailable', 'Too many logins are in progress. Please try again in a few seconds.', {
    details: { retry_after_s: RETRY_AFTER_S },
  })
}
