import type { Clock } from '../../../src/kernel/index.ts'
import type { Logger } from '../../../src/platform/log/index.ts'

/** What failed builds left and could not be removed at once, because libvirt was away. */
export interface Removals {
  /** Removes the guest as soon as that works. */
  later(serverId: string): void
  /** Tries now those that wait. */
  retry(): void
  /** The guest is to be made again: resolves when nothing removes it any more. */
  claim(serverId: string): Promise<void>
  stop(): void
}

const RETRY_MS = 10_000

/** @param remove removes all of a guest; done again, it is as once. */
export function createRemovals(remove: (serverId: string) => Promise<void>, deps: { clock: Clock; log: Logger }): Removals {
  const { clock, log } = deps
  const waiting = new Set<string>()
  const underWay = new Map<string, Promise<void>>()
  const stopped = new AbortController()

  function later(serverId: string): void {
    waiting.add(serverId)
    void clock.sleep(RETRY_MS, stopped.signal).then(retry)
  }

  function retry(): void {
    if (stopped.signal.aborted) return
    for (const serverId of waiting) {
      waiting.delete(serverId)
      const work = remove(serverId)
        .then(() => log.info({ instance: serverId }, 'removed what a failed build had left'))
        .catch((err: unknown) => {
          log.debug({ err, instance: serverId }, 'what a failed build left cannot be removed yet')
          later(serverId)
        })
        .finally(() => underWay.delete(serverId))
      underWay.set(serverId, work)
    }
  }

  return {
    later,
    retry,
    async claim(serverId) {
      await underWay.get(serverId)
      waiting.delete(serverId)
    },
    stop: () => stopped.abort(),
  }
}
