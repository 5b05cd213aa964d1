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
  const pending = new Map<number, { decisions: Decision[]; total: Demand }>()
  let count = 0

  function keep(slot: number, keeps: (decision: Decision) => boolean): void {
    const known = pending.get(slot)
    if (!known) return
    const decisions = known.decisions.filter(keeps)
    if (decisions.length === known.decisions.length) return
    const total = decisions.reduce(sum, NOTHING)
    if (decisions.length > 0) pending.set(slot, { decisions, total })
    else pending.delete(slot)
    fleet.take(slot, total)
  }

  return {
    add(slot, { vcpus, memory_mb, disk_gb, servers }, now) {
      count++
      const { decisions, total } = pending.get(slot) ?? { decisions: [], total: NOTHING }
      const decision = { number: count, expires_at: now + UNCONFIRMED_MS, vcpus, memory_mb, disk_gb, servers }
      decisions.push(decision)
      const more = sum(total, decision)
      pending.set(slot, { decisions, total: more })
      fleet.take(slot, more)
    },
    get count() {
      return count
    },
    settle: (slot, upTo) => keep(slot, ({ number }) => number > upTo),
    expire(now) {
      for (const slot of pending.keys()) keep(slot, ({ expires_at }) => expires_at > now)
    },
    clear() {
      const some = pending.size > 0
      for (const slot of pending.keys()) keep(slot, () => false)
      return some
    },
  }
}

export const sum = (one: Demand, other: Demand): Demand => ({
  vcpus: one.vcpus + other.vcpus,
  memory_mb: one.memory_mb + other.memory_mb,
  disk_gb: one.disk_gb + other.disk_gb,
  servers: one.servers + other.servers,
})
