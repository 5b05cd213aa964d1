import { STOP_DEADLINE_MS } from './limits.ts'

/** Counts handlers that run, keeps them below a bound, and lets `stop` wait for them. */
export interface InFlight {
  readonly free: number
  /** Runs `work`, which must not reject. */
  run(work: () => Promise<void>): void
  /** Resolves when a slot is free. */
  untilFree(): Promise<void>
  /** Resolves when nothing runs any more, or after `STOP_DEADLINE_MS`. */
  drained(): Promise<void>
}

export function inFlight(concurrency: number, onFree: () => void = () => {}): InFlight {
  let running = 0
  let waiting: (() => void)[] = []

  function done(): void {
    running--
    const woken = waiting
    waiting = []
    woken.forEach((wake) => wake())
    onFree()
  }

  const change = (): Promise<void> => new Promise((resolve) => waiting.push(resolve))

  return {
    get free() {
      return concurrency - running
    },
    run(work) {
      running++
      void work().then(done)
    },
    async untilFree() {
      while (running >= concurrency) await change()
    },
    async drained() {
      let timer: Timer | undefined
      const deadline = new Promise<'late'>((resolve) => (timer = setTimeout(resolve, STOP_DEADLINE_MS, 'late')))
      while (running > 0) {
        if ((await Promise.race([change(), deadline])) === 'late') break
      }
      clearTimeout(timer)
    },
  }
}
