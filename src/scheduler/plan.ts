import type { PlanRequest } from '../contracts/index.ts'
import { type Condition, type Filter, type FilterOptions, matches, type Rejected, type Says, verb } from './filters/filter.ts'
import { traitsFilter } from './filters/traits.ts'
import type { Host } from './host.ts'
import { randomBelow, type Random, seededRandom } from './random.ts'
import { type Asked, createRequestClasses, type Questions, type RequestClasses } from './request-class.ts'
import { MAX_RANKED, normalised, type Outcome, type Snapshot } from './snapshot.ts'
import { type ChosenWeigher, measured, multiplierFor, type Weighing, weighingsOf } from './weighers/weigher.ts'

/** How an operator wants decisions made. */
export interface Policy {
  readonly filters: readonly Filter[]
  readonly options: FilterOptions
  readonly weighers: readonly ChosenWeigher[]
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
  /** The weighers that had a say, in the order of every candidate's `shares`. */
  readonly weighings: readonly Weighing[]
  readonly rejections: readonly PlanRejection[]
}

export interface PlannedHost {
  readonly host: Host
  readonly weight: number
  /** Each weigher's share of the weight. */
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
  const { questions, of } = classesOf(policy).of(request)
  const recurs = ++of.decisions > 1
  const { conditions, weighings } = of
  const outcome = snapshot.scan({ conditions, weighings, count: hostsToRank(policy, snapshot, request), recurs })
  return {
    hosts: snapshot.size,
    weighings,
    candidates: choose(policy, snapshot, request, weighings, outcome),
    rejections: rejectionsOf(questions, outcome),
  }
}

/** What requests ask by a policy is remembered with it. */
const classes = new WeakMap<Policy, RequestClasses>()

function classesOf(policy: Policy): RequestClasses {
  let known = classes.get(policy)
  if (!known) classes.set(policy, (known = createRequestClasses((asked) => questionsOf(policy, asked))))
  return known
}

interface Draft extends Questions {
  readonly filters: string[]
  readonly conditions: Condition[]
}

/**
 * Hosts of other cells than a moving server's, and those that were tried before, come off first. A host or node named by an admin replaces the filters, as in Nova; a
 * requested one still has to pass them.
 */
function questionsOf(policy: Policy, asked: Asked): Questions {
  const draft: Draft = { filters: [], conditions: [], weighings: weighingsOf(policy.weighers, asked) }
  const { cell_id, ignore_hosts, force_host, force_node, requested_host, requested_node } = asked
  if (cell_id !== undefined) {
    add(draft, 'cell', matches(`cell ${cell_id}`, (host) => host.cell_id === cell_id, notInItsCell))
  }
  if (ignore_hosts.length > 0) {
    add(draft, 'ignore_hosts', { kind: 'host_not_in', hosts: ignore_hosts, says: triedBefore })
  }
  if (force_host !== null) add(draft, 'force_hosts', { kind: 'host_in', hosts: [force_host], says: notAskedFor })
  if (force_node !== null) add(draft, 'force_nodes', { kind: 'node_in', nodes: [force_node], says: notAskedFor })
  if (force_host !== null || force_node !== null) return draft

  if (requested_host !== undefined) {
    add(draft, 'requested_host', { kind: 'host_in', hosts: [requested_host], says: notAskedFor })
  }
  if (requested_node !== undefined) {
    add(draft, 'requested_node', { kind: 'node_in', nodes: [requested_node], says: notAskedFor })
  }
  for (const filter of [traitsFilter, ...policy.filters]) {
    for (const condition of filter.asks(asked, policy.options)) add(draft, filter.name, condition)
  }
  return draft
}

const triedBefore: Says = (r) => `${verb(r, 'was', 'were')} tried before`
const notInItsCell: Says = (r) => `${verb(r, 'is', 'are')} in another cell than the server`
const notAskedFor: Says = (r) => `${verb(r, 'is', 'are')} not the one asked for`

function add({ filters, conditions }: Draft, filter: string, condition: Condition): void {
  filters.push(filter)
  conditions.push(condition)
}

function rejectionsOf({ filters, conditions }: Questions, outcome: Outcome): PlanRejection[] {
  const rejections: PlanRejection[] = []
  for (let index = 0; index < conditions.length; index++) {
    const hosts = outcome.rejected(index)
    if (hosts === 0) continue
    const condition = conditions[index] as Condition
    const compares = condition.kind === 'at_least' || condition.kind === 'at_most'
    const best = compares ? outcome.nearest(index) : 0
    rejections.push({ filter: filters[index] as string, condition, hosts, best })
  }
  return rejections
}

function hostsToRank(policy: Policy, snapshot: Snapshot, request: PlanRequest): number {
  if (policy.shuffle_best_same_weighed_hosts) return MAX_RANKED
  const others = snapshot.cells > 1 && request.count > 1 ? RANKED_PER_CANDIDATE : 1
  return Math.min(MAX_RANKED, Math.max(request.count * others, policy.host_subset_size))
}

function choose(
  policy: Policy,
  snapshot: Snapshot,
  request: PlanRequest,
  weighings: readonly Weighing[],
  outcome: Outcome,
): PlannedHost[] {
  const candidates: PlannedHost[] = []
  const order = drawn(policy, outcome, request.seed)
  for (let nth = 0; nth < outcome.ranked && candidates.length < request.count; nth++) {
    const place = order === null ? nth : (order[nth] as number)
    const host = snapshot.host(outcome.rankedSlot(place))
    if (candidates.length > 0 && (candidates[0] as PlannedHost).host.cell_id !== host.cell_id) continue
    candidates.push({ host, weight: outcome.rankedWeight(place), shares: sharesOf(weighings, host, outcome) })
  }
  return candidates
}

/** The places of the ranking as chance has them, where the policy leaves something to chance; null where it does not. */
function drawn(policy: Policy, outcome: Outcome, seed: number): readonly number[] | null {
  const { shuffle_best_same_weighed_hosts: shuffled, host_subset_size: subset } = policy
  if (outcome.ranked === 0 || (!shuffled && subset === 1)) return null
  const random = seededRandom(seed)
  const order = Array.from({ length: outcome.ranked }, (_, place) => place)
  if (shuffled) {
    const best = outcome.rankedWeight(0)
    const differs = order.findIndex((place) => outcome.rankedWeight(place) !== best)
    shuffle(order, differs === -1 ? order.length : differs, random)
  }
  const winner = randomBelow(Math.min(subset, order.length), random)
  order.unshift(...order.splice(winner, 1))
  return order
}

function sharesOf(weighings: readonly Weighing[], host: Host, outcome: Outcome): number[] {
  const shares: number[] = []
  for (let index = 0; index < weighings.length; index++) {
    const weighing = weighings[index] as Weighing
    const value = measured(host, weighing.measure)
    const share = normalised(value, weighing.floor, outcome.low(index), outcome.high(index))
    shares.push(multiplierFor(host, weighing) * share)
  }
  return shares
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
