import type { Clock } from '../src/kernel/index.ts'

/**
 * One beat per interval for each of many members, spread over the interval, so that a thousand hosts of one process
 * neither keep a timer each nor report all at once.
 */
export interface Pulse {
  /** Calls `beat` once per interval from now on; it must not throw. Returns what ends it. */
  join(beat: () => void): () => void
  stop(): void
}

/** @param slots into how many moments the interval is divided. */
export function startPulse({ clock, interval_s, slots }: { clock: Clock; interval_s: number; slots: number }): Pulse {
  const members = Array.from({ length: slots }, () => new Set<() => void>())
  const stopped = new AbortController()
  let joined = 0

  async function run(): Promise<void> {
    for (let slot = 0; ; slot = (slot + 1) % slots) {
      await clock.sleep((interval_s * 1000) / slots, stopped.signal)
      if (stopped.signal.aborted) return
      for (const beat of members[slot]!) beat()
    }
  }
  void run()

  return {
    join(beat) {
      const slot = members[joined++ % slots]!
      slot.add(beat)
      return () => void slot.delete(beat)
    },
    stop: () => stopped.abort(),
  }
}
