import type { PlanRequest } from '../contracts/index.ts'
import type { Condition, Filter, Rejected } from './filters/filter.ts'
import type { Host } from './host.ts'
import { randomBelow, type Random, seededRandom } from './random.ts'
import { MAX_RANKED, normalised, type Outcome, type Snapshot } from './snapshot.ts'
import type { Weighing } from './weighers/weigher.ts'

/** How an operator wants decisions made. */
export interface Policy {
  readonly filters: readonly Filter[]
  readonly weighings: readonly Weighing[]
  /** The winner is drawn from so many of the best, so that concurrent schedulers meet less often. */
  readonly host_subset_size: number
  /** The best of equal weight are shuffled (the first MAX_RANKED of them). */
  readonly shuffle_best_same_weighed_hosts: boolean
}

/** A decision: what to try, best first, and what stood in the way. */
export interface Plan {
  /** Hosts that were looked at. */
  readonly hosts: number
  readonly candidates: readonly PlannedHost[]
  readonly rejections: readonly PlanRejection[]
}

export interface PlannedHost {
  readonly host: Host
  readonly weight: number
  /** Each weigher's share of the weight, in the order of the policy. */
  readonly shares: readonly number[]
}

export interface PlanRejection extends Rejected {
  readonly filter: string
  readonly condition: Condition
}

/** With several cells, hosts looked through per candidate for alternates in the winner's cell. */
const RANKED_PER_CANDIDATE = 16

/**
 * Decides where a server goes. It depends on its arguments only and changes nothing: the same snapshot, policy and
 * request (which carries the seed) give the same plan.
 *
 * Alternates are hosts of the winner's cell, as in Nova: a retry never moves a server to another cell.
 */
export function plan(policy: Policy, snapshot: Snapshot, request: PlanRequest): Plan {
  const asked = conditionsOf(policy, request)
  const outcome = snapshot.scan({
    conditions: asked.map(({ condition }) => condition),
    weighings: policy.weighings,
    count: hostsToRank(policy, snapshot, request),
  })
  const rejections: PlanRejection[] = []
  for (const [index, { filter, condition }] of asked.entries()) {
    const rejected = outcome.rejected[index]
    if (rejected && rejected.hosts > 0) rejections.push({ filter, condition, ...rejected })
  }
  return { hosts: snapshot.size, candidates: choose(policy, snapshot, request, outcome), rejections }
}

/**
 * Hosts that were tried before come off first; then a host or node named by an admin replaces the filters, as in Nova.
 */
function conditionsOf(policy: Policy, request: PlanRequest): { filter: string; condition: Condition }[] {
  const asked: { filter: string; condition: Condition }[] = []
  const { ignore_hosts, force_host, force_node, requested_host, requested_node } = request
  if (ignore_hosts.length > 0) {
    const says = (r: Rejected) => `${r.hosts === 1 ? 'was' : 'were'} tried before`
    asked.push({ filter: 'ignore_hosts', condition: { kind: 'host_not_in', hosts: ignore_hosts, says } })
  }
  const says = (r: Rejected) => `${r.hosts === 1 ? 'is' : 'are'} not the one asked for`
  if (force_host !== null) {
    asked.push({ filter: 'force_hosts', condition: { kind: 'host_in', hosts: [force_host], says } })
  }
  if (force_node !== null) {
    asked.push({ filter: 'force_nodes', condition: { kind: 'node_in', nodes: [force_node], says } })
  }
  if (force_host !== null || force_node !== null) return asked
  if (requested_host !== undefined) {
    asked.push({ filter: 'requested_host', condition: { kind: 'host_in', hosts: [requested_host], says } })
  }
  if (requested_node !== undefined) {
    asked.push({ filter: 'requested_node', condition: { kind: 'node_in', nodes: [requested_node], says } })
  }
  for (const filter of policy.filters) {
    for (const condition of filter.asks(request)) asked.push({ filter: filter.name, condition })
  }
  return asked
}

function hostsToRank(policy: Policy, snapshot: Snapshot, request: PlanRequest): number {
  if (policy.shuffle_best_same_weighed_hosts) return MAX_RANKED
  const others = snapshot.cells > 1 && request.count > 1 ? RANKED_PER_CANDIDATE : 1
  return Math.min(MAX_RANKED, Math.max(request.count * others, policy.host_subset_size))
}

function choose(policy: Policy, snapshot: Snapshot, request: PlanRequest, outcome: Outcome): PlannedHost[] {
  const ranked = [...outcome.ranked]
  const [first] = ranked
  if (!first) return []
  const random = seededRandom(request.seed)
  if (policy.shuffle_best_same_weighed_hosts) {
    const differs = ranked.findIndex(({ weight }) => weight !== first.weight)
    shuffle(ranked, differs === -1 ? ranked.length : differs, random)
  }
  if (policy.host_subset_size > 1) {
    const drawn = randomBelow(Math.min(policy.host_subset_size, ranked.length), random)
    ranked.unshift(...ranked.splice(drawn, 1))
  }

  const candidates: PlannedHost[] = []
  for (const { slot, weight } of ranked) {
    const host = snapshot.host(slot)
    if (candidates[0] && candidates[0].host.cell_id !== host.cell_id) continue
    candidates.push({ host, weight, shares: sharesOf(policy, snapshot, slot, outcome) })
    if (candidates.length === request.count) break
  }
  return candidates
}

function sharesOf({ weighings }: Policy, snapshot: Snapshot, slot: number, outcome: Outcome): number[] {
  return weighings.map(({ quantity, floor, multiplier }, index) => {
    const range = outcome.ranges[index] ?? { low: 0, high: 0 }
    return multiplier * normalised(snapshot.quantity(slot, quantity), floor, range)
  })
}

/** Fisher and Yates, over the first `count`. */
function shuffle<T>(items: T[], count: number, random: Random): void {
  for (let last = count - 1; last > 0; last--) {
    const other = randomBelow(last + 1, random)
    const moved = items[last] as T
    items[last] = items[other] as T
    items[other] = moved
  }
}
