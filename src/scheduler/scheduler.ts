import {
  demand,
  HOSTS_CHANGED,
  hostsChanged,
  type PlanRequest,
  planRequest,
  type PlanResult,
  SCHEDULER_TOPIC,
  WHAT_IF_TOPIC,
  type WhatIfRequest,
  whatIfRequest,
  type WhatIfResult,
} from '../contracts/index.ts'
import { type Clock, unavailable } from '../kernel/index.ts'
import type { Bus, Json, Subscription } from '../platform/bus/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { type Attestation, type AttestationParts, attestedSource, createAttestation, type TrustedComputing } from './attestation.ts'
import { explain } from './explanation.ts'
import { enabledFilters, type FilterOptions } from './filters/index.ts'
import { metricsFilter } from './filters/metrics.ts'
import { trustedFilter } from './filters/trusted.ts'
import { typeAffinityFilter } from './filters/type-affinity.ts'
import { createFleet } from './fleet.ts'
import type { CellSource } from './host.ts'
import { type Plan, plan, type Policy } from './plan.ts'
import { type MetricsOptions, metricWeights } from './metric-weights.ts'
import { CATCH_UP_EVERY_MS, createReplica, type Replica } from './replica.ts'
import { MAX_RANKED, type Snapshot } from './snapshot.ts'
import { createTaken } from './taken.ts'
import { warmUp } from './warm-up.ts'
import { whatIf } from './what-if.ts'
import { chooseWeighers, type Multipliers } from './weighers/index.ts'
import { type ImagePropertiesOptions, imagePropertiesWeigher } from './weighers/image-properties.ts'
import { metricsWeigher } from './weighers/metrics.ts'

/** The part of the configuration that decisions depend on. */
export interface SchedulerConfig {
  readonly DEFAULT: {
    /** Seconds without a heartbeat after which a host counts as down. */
    readonly service_down_time: number
  }
  readonly filter_scheduler: Partial<Multipliers> &
    Partial<ImagePropertiesOptions> &
    Omit<FilterOptions, 'metrics'> & {
      readonly enabled_filters: readonly string[]
      readonly host_subset_size: number
      readonly shuffle_best_same_weighed_hosts: boolean
    }
  readonly metrics?: MetricsOptions
  /** Needed where TrustedFilter is enabled. */
  readonly trusted_computing?: TrustedComputing
}

export interface SchedulerParts {
  readonly config: SchedulerConfig
  readonly cells: Iterable<CellSource>
  readonly clock: Clock
  readonly log: Logger
  /** Told of every decision. */
  readonly observe?: (decided: Decided) => void
}

export interface Decided {
  readonly placed: boolean
  readonly seconds: number
}

export interface Scheduler {
  /**
   * Decides where a server goes, and counts the decision against the winner until the host's row tells of its claim.
   * An empty plan is an answer, with its reasons in the explanation.
   * @throws {Problem} unavailable before any cell was read.
   */
  plan(request: PlanRequest): PlanResult
  /**
   * Where servers would go, and how many more of them. Nothing is counted against the hosts.
   * @throws {Problem} unavailable as `plan`; bad_request for an assumption about a host that there is not.
   */
  whatIf(asked: WhatIfRequest): Promise<WhatIfResult>
  /** Reads the hosts, answers on the bus, follows changes. Resolves when hosts are read, or could not be. */
  start(bus: Bus): Promise<void>
  /** By how many seconds the hosts known here may lie behind each cell's database; Infinity before the first read. */
  lag(): { cell_id: string; lag_s: number }[]
  /** Hosts known here now, up or not. */
  hostCount(): number
  stop(): Promise<void>
}

/** Heartbeats and unconfirmed decisions are looked at this often, when decisions are asked for. */
const SWEEP_EVERY_MS = 1_000
/** A decision takes microseconds; more at once than the bus hands over in one go gains nothing. */
const SERVED_AT_ONCE = 64
const LOOK_AT_ATTESTATIONS_EVERY_MS = 1_000
/** Each holds a copy of the hosts. */
const WHAT_IFS_AT_ONCE = 2

/** @throws {Error} for an option that cannot be: an unknown filter, a multiplier that is no number. */
export function createScheduler({ config, cells, clock, log, observe }: SchedulerParts): Scheduler {
  const stopping = new AbortController()
  const { signal } = stopping
  const attestation = attestationOf(config, { clock, log, signal })
  const policy = policyOf(config, attestation)
  const fleet = createFleet(config.DEFAULT)
  const taken = createTaken(fleet)
  const replicas = Array.from(cells, (source) =>
    createReplica({ source: attestation ? attestedSource(source, attestation) : source, fleet, taken, clock, log, signal }),
  )
  const subscriptions: Subscription[] = []
  let background: Promise<unknown> = Promise.resolve()
  let sweptAt = -Infinity

  const imagine = (snapshot: Snapshot, request: PlanRequest) => resultOf(plan(policy, snapshot, request))

  function decide(request: PlanRequest): PlanResult {
    const began = observe ? performance.now() : 0
    const now = clock.now()
    refresh(now)
    let made = plan(policy, fleet, request)
    // What others were promised and may not get must not refuse anyone: the claim will tell.
    if (made.candidates.length === 0 && taken.clear()) made = plan(policy, fleet, request)
    const [winner] = made.candidates
    if (winner) taken.add(winner.host.slot, request.server_id, { ...demand(request.flavor), servers: 1 }, now)
    const result = resultOf(made)
    observe?.({ placed: winner !== undefined, seconds: (performance.now() - began) / 1000 })
    return result
  }

  function refresh(now: number): void {
    if (replicas.length > 0 && replicas.every(({ read_at }) => read_at === null)) {
      throw unavailable('The scheduler has not read the hosts yet.')
    }
    sweep(now)
  }

  function answer(asked: WhatIfRequest): Promise<WhatIfResult> {
    const now = clock.now()
    refresh(now)
    return whatIf(asked, {
      hosts: fleet.hosts(),
      options: config.DEFAULT,
      now,
      decide: (snapshot, request) => plan(policy, snapshot, request),
      render: resultOf,
      signal: stopping.signal,
    })
  }

  function sweep(now: number): void {
    // A clock that was set back must not stop the sweeping.
    if (Math.abs(now - sweptAt) < SWEEP_EVERY_MS) return
    sweptAt = now
    fleet.sweep(now)
    taken.expire(now)
  }

  async function start(bus: Bus): Promise<void> {
    const listening = bus.listen(HOSTS_CHANGED, (message) => follow(replicas, message, log))
    const serving = bus.serve(SCHEDULER_TOPIC, { concurrency: SERVED_AT_ONCE }, async (message) => {
      return decide(planRequest.parse(message)) as unknown as Json
    })
    const playing = bus.serve(WHAT_IF_TOPIC, { concurrency: WHAT_IFS_AT_ONCE }, async (message) => {
      return (await answer(whatIfRequest.parse(message))) as unknown as Json
    })
    subscriptions.push(listening, serving, playing)
    // Listens before it reads: a change between the two is heard.
    await listening.ready
    await Promise.all(replicas.map((replica) => replica.catchUp()))
    if (attestation) await attest(attestation)
    await Promise.all([serving.ready, playing.ready])
    background = Promise.all([...replicas.map(keepUp), warmUp(imagine, signal), attestation && keepAttested(attestation)])
  }

  /** What an attestation says of a host is a fact of its row, as what the database says is. */
  async function attest({ look, of }: Attestation): Promise<void> {
    await look([...new Set(fleet.hosts().map(({ row }) => row.host))])
    for (const { cell_id, row } of fleet.hosts()) {
      const trust = of(row.host)
      if (row.trust !== trust) fleet.put(cell_id, { ...row, trust }, clock.now())
    }
  }

  async function keepAttested(attestation: Attestation): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(LOOK_AT_ATTESTATIONS_EVERY_MS, signal)
      if (!signal.aborted) await attest(attestation)
    }
  }

  /** Each cell by itself: one that does not answer holds up no other. */
  async function keepUp(replica: Replica): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(CATCH_UP_EVERY_MS, stopping.signal)
      if (!stopping.signal.aborted) await replica.catchUp()
    }
  }

  return {
    plan: decide,
    whatIf: answer,
    start,
    hostCount: () => fleet.size,
    lag: () =>
      replicas.map(({ cell_id, read_at }) => ({
        cell_id,
        lag_s: read_at === null ? Infinity : Math.max(0, clock.now() - read_at) / 1000,
      })),
    async stop() {
      stopping.abort()
      await Promise.all(subscriptions.map((subscription) => subscription.stop()))
      await background
      await Promise.all(replicas.map((replica) => replica.idle()))
    },
  }
}

const NO_METRICS: MetricsOptions = { weight_multiplier: 0, weight_setting: [], required: false, weight_of_unavailable: 0 }

const NO_IMAGE_PROPERTIES: ImagePropertiesOptions = { image_props_weight_multiplier: 0, image_props_weight_setting: [] }

/** What the rows of hosts have to tell of the servers there, for decisions to be made with these options. */
export const guestFactsOf = ({
  enabled_filters,
  image_props_weight_multiplier = 0,
}: SchedulerConfig['filter_scheduler']): { flavors: boolean; image_properties: boolean } => ({
  flavors: enabledFilters(enabled_filters).includes(typeAffinityFilter),
  image_properties: image_props_weight_multiplier !== 0,
})

/** Null where no filter asks for it. @throws {Error} for options that name no service */
function attestationOf(
  { filter_scheduler, trusted_computing }: SchedulerConfig,
  parts: Omit<AttestationParts, 'options'>,
): Attestation | null {
  if (!enabledFilters(filter_scheduler.enabled_filters).includes(trustedFilter)) return null
  return createAttestation({ ...parts, options: trusted_computing ?? NO_ATTESTATION })
}

const NO_ATTESTATION: TrustedComputing = {
  attestation_server: undefined,
  attestation_server_ca_file: undefined,
  attestation_port: 8443,
  attestation_api_url: '',
  attestation_auth_blob: undefined,
  attestation_auth_timeout: 60,
  attestation_insecure_ssl: false,
}

/** How decisions are made with these options. @throws {Error} for an option that cannot be */
export function policyOf(
  { filter_scheduler: options, metrics = NO_METRICS }: SchedulerConfig,
  attestation: Attestation | null = null,
): Policy {
  const weights = metricWeights(metrics)
  const filters = enabledFilters(options.enabled_filters)
  return {
    // A required metric that a host lacks must not be weighed as if there were one.
    filters: metrics.required && weights.length > 0 ? [...new Set([...filters, metricsFilter])] : filters,
    options: { ...options, metrics: weights, ...(attestation ? { attestationFailure: attestation.failure } : {}) },
    weighers: [...chooseWeighers(options), ...metricsWeigher(metrics), ...imagePropertiesWeigher({ ...NO_IMAGE_PROPERTIES, ...options })],
    host_subset_size: Math.min(Math.max(options.host_subset_size, 1), MAX_RANKED),
    shuffle_best_same_weighed_hosts: options.shuffle_best_same_weighed_hosts,
  }
}

/** A message that does not fit is left alone: the next catching up finds what it was about. */
function follow(replicas: readonly Replica[], message: Json, log: Logger): void {
  try {
    const { cell_id, host_ids, tried } = hostsChanged.parse(message)
    void replicas.find((replica) => replica.cell_id === cell_id)?.refresh(host_ids, tried)
  } catch (error) {
    log.warn({ err: error }, 'a message about changed hosts was not understood')
  }
}

function resultOf(made: Plan): PlanResult {
  return {
    candidates: made.candidates.map(({ host: { cell_id, row }, weight, shares }) => ({
      cell_id,
      host_id: row.id,
      host: row.host,
      node: row.node,
      weight,
      weights: Object.fromEntries(made.weighings.map(({ name }, index) => [name, shares[index] ?? 0])),
    })),
    explanation: explain(made),
  }
}
