/** Lets so many builds run at once, as Nova's `max_concurrent_builds`; the others wait in the order of arrival. */
export interface BuildSlots {
  /**
   * Does `build` in the next free slot.
   * @throws the signal's reason when it aborts while the build waits.
   */
  run<T>(build: () => Promise<T>, signal: AbortSignal): Promise<T>
  /** Fails all builds that wait, now and from now on, with `reason`. */
  turnAway(reason: Error): void
}

/** @param limit builds at once; 0 is no limit, as in Nova. */
export function createBuildSlots(limit: number): BuildSlots {
  const waiting = new Map<() => void, (reason: Error) => void>()
  let taken = 0
  let closed: Error | undefined

  async function turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (limit === 0 || taken < limit) {
      taken++
      return
    }
    if (closed) throw closed
    await new Promise<void>((resolve, reject) => {
      const calledOff = (): void => leave(signal.reason as Error)
      const enter = (): void => {
        signal.removeEventListener('abort', calledOff)
        resolve()
      }
      const leave = (reason: Error): void => {
        signal.removeEventListener('abort', calledOff)
        waiting.delete(enter)
        reject(reason)
      }
      waiting.set(enter, leave)
      signal.addEventListener('abort', calledOff, { once: true })
    })
  }

  /** The slot goes to the build that waits longest; `taken` stays as it is when there is one. */
  function release(): void {
    const [next] = waiting.keys()
    if (!next) {
      taken--
      return
    }
    waiting.delete(next)
    next()
  }

  return {
    async run(build, signal) {
      await turn(signal)
      try {
        return await build()
      } finally {
        release()
      }
    },
    turnAway(reason) {
      closed = reason
      for (const leave of waiting.values()) leave(reason)
    },
  }
}
