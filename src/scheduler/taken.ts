import type { Demand } from './host.ts'
import { type Fleet, NOTHING } from './fleet.ts'

/** How long a decision counts without news of its claim: longer than a claim takes, short enough to be forgiven. */
const UNCONFIRMED_MS = 5_000

interface Decision extends Demand {
  readonly number: number
  readonly expires_at: number
}

/**
 * What was decided and is not yet in the hosts' rows, so that requests at the same time do not all pick the same host.
 * A row that was read after a decision settles it, whether its claim was made or lost.
 */
export interface Taken {
  /** Counts a decision for the host in `slot`. */
  add(slot: number, demand: Demand, now: number): void
  /** Decisions made so far: what `settle` needs to know from before the row was read. */
  readonly count: number
  /** Forgets the host's decisions up to that count. */
  settle(slot: number, count: number): void
  expire(now: number): void
  /** Forgets all; false when there was nothing to forget. */
  clear(): boolean
}

export function createTaken(fleet: Fleet): Taken {
  const pending = new Map<number, Decision[]>()
  let count = 0

  function keep(slot: number, keeps: (decision: Decision) => boolean): void {
    const decisions = pending.get(slot)
    if (!decisions) return
    const kept = decisions.filter(keeps)
    if (kept.length === decisions.length) return
    if (kept.length > 0) pending.set(slot, kept)
    else pending.delete(slot)
    fleet.take(slot, kept.reduce(sum, NOTHING))
  }

  return {
    add(slot, { vcpus, memory_mb, disk_gb }, now) {
      count++
      const decisions = pending.get(slot) ?? []
      decisions.push({ number: count, expires_at: now + UNCONFIRMED_MS, vcpus, memory_mb, disk_gb })
      pending.set(slot, decisions)
      fleet.take(slot, decisions.reduce(sum, NOTHING))
    },
    get count() {
      return count
    },
    settle: (slot, upTo) => keep(slot, ({ number }) => number > upTo),
    expire(now) {
      for (const slot of pending.keys()) keep(slot, ({ expires_at }) => expires_at > now)
    },
    clear() {
      const slots = [...pending.keys()]
      for (const slot of slots) keep(slot, () => false)
      return slots.length > 0
    },
  }
}

const sum = (total: Demand, { vcpus, memory_mb, disk_gb }: Demand): Demand => ({
  vcpus: total.vcpus + vcpus,
  memory_mb: total.memory_mb + memory_mb,
  disk_gb: total.disk_gb + disk_gb,
})
