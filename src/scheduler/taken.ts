import type { Demand } from './host.ts'
import { type Fleet, NOTHING } from './fleet.ts'

/** How long a decision counts without news of its claim: longer than a claim takes, short enough to be forgiven. */
const UNCONFIRMED_MS = 5_000

interface Decision extends Demand {
  readonly server_id: string
  readonly expires_at: number
}

/**
 * What was decided and is not yet in the hosts' rows, so that requests at the same time do not all pick the same host.
 * A row that has a server's claim settles what was decided for it, and so does the word that the claim was lost.
 */
export interface Taken {
  /** Counts a decision for the host in `slot`. */
  add(slot: number, serverId: string, demand: Demand, now: number): void
  /** The servers that are counted, all or those on some hosts; slots that are none are passed over. */
  servers(slots?: readonly (number | undefined)[]): string[]
  /** Forgets what was decided for these servers on the host. */
  settle(slot: number, servers: readonly string[]): void
  /** Forgets all that was decided for the host. */
  forget(slot: number): void
  expire(now: number): void
  /** Forgets all; false when there was nothing to forget. */
  clear(): boolean
}

export function createTaken(fleet: Fleet): Taken {
  const pending = new Map<number, { decisions: Decision[]; total: Demand }>()

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
    add(slot, server_id, { vcpus, memory_mb, disk_gb, servers }, now) {
      const { decisions, total } = pending.get(slot) ?? { decisions: [], total: NOTHING }
      const decision = { server_id, expires_at: now + UNCONFIRMED_MS, vcpus, memory_mb, disk_gb, servers }
      decisions.push(decision)
      const more = sum(total, decision)
      pending.set(slot, { decisions, total: more })
      fleet.take(slot, more)
    },
    servers(slots = [...pending.keys()]) {
      const known = slots.map((slot) => (slot === undefined ? undefined : pending.get(slot)))
      return known.flatMap((of) => of?.decisions.map(({ server_id }) => server_id) ?? [])
    },
    settle(slot, servers) {
      if (servers.length > 0) keep(slot, ({ server_id }) => !servers.includes(server_id))
    },
    forget: (slot) => keep(slot, () => false),
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
