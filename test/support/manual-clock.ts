import type { Clock } from '../../src/kernel/index.ts'

/** Time that passes when a test says so. */
export interface ManualClock extends Clock {
  /** Lets time pass, wakes whoever slept until then, in order, and lets them run. */
  advance(ms: number): Promise<void>
}

export function manualClock(start = 0): ManualClock {
  const sleepers = new Set<{ until: number; wake: () => void }>()
  let now = start

  return {
    now: () => now,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const sleeper = { until: now + ms, wake }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', wake, { once: true })
        function wake(): void {
          sleepers.delete(sleeper)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
      })
    },
    async advance(ms) {
      const end = now + ms
      for (;;) {
        const next = [...sleepers].toSorted((left, right) => left.until - right.until)[0]
        if (!next || next.until > end) break
        now = Math.max(now, next.until)
        next.wake()
        await settled()
      }
      now = end
      await settled()
    },
  }
}

/** Lets everything run that waits for nothing but its turn. */
export const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
