import type { Clock } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import { anyNetworkHost, hostsTouched } from './touched.store.ts'

/** Tells which hosts a change of the network concerns. */
export interface Doorbell {
  /**
   * The same verb, which rings for the hosts that it concerns when it is done.
   * @param about ids of what it changes, as far as they are known from its arguments and, afterwards, its result.
   */
  after<A extends unknown[], R>(verb: (...args: A) => Promise<R>, about: (args: A, result?: R) => readonly string[]): (...args: A) => Promise<R>
}

/** How long the answer to whether there is any host to ring for is believed. */
const BELIEVED_MS = 2_000

export function doorbell(db: GlobalDb, ring: (hosts: readonly string[]) => void, clock: Clock, log: Logger): Doorbell {
  let known = { any: false, until: 0 }

  async function touched(ids: readonly string[]): Promise<readonly string[]> {
    if (ids.length === 0) return []
    try {
      if (known.until < clock.now()) known = { any: await anyNetworkHost(db.sql), until: clock.now() + BELIEVED_MS }
      return known.any ? await hostsTouched(db.sql, ids) : []
    } catch (error) {
      // The hosts ask by themselves, later.
      log.warn({ err: error }, 'could not find out which hosts a change of the network concerns')
      return []
    }
  }

  return {
    after: (verb, about) =>
      async (...args) => {
        // What is taken away is found only before, what is added only afterwards.
        const before = await touched(about(args))
        const result = await verb(...args)
        const hosts = new Set([...before, ...(await touched(about(args, result)))])
        if (hosts.size > 0) ring([...hosts])
        return result
      },
  }
}
