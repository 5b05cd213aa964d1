import type { Clock } from '../src/kernel/index.ts'

/** A clock that stands still until a test moves it. */
export interface TestClock extends Clock {
  /** Moves on by `ms`, waking each sleeper when its time comes, in order, with all that follows from it. */
  advance(ms: number): Promise<void>
}

export function createTestClock(): TestClock {
  const sleepers = new Set<{ due: number; wake: () => void }>()
  let now = 1_700_000_000_000

  async function advance(ms: number): Promise<void> {
    const end = now + ms
    for (;;) {
      const [next] = [...sleepers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)
      if (!next) break
      now = Math.max(now, next.due)
      next.wake()
      await settled()
    }
    now = end
  }

  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const sleeper = { due: now + ms, wake }
        function wake(): void {
          sleepers.delete(sleeper)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', wake, { once: true })
      }),
    advance,
  }
}

/** Resolves when all that is ready to run has run. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
