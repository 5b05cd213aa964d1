import { type Static, Type as T } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { Flavor } from './instance.ts'
import { message } from './contract.ts'

/** Topic on which any scheduler replica answers `PlanRequest` with `PlanResult`. */
export const SCHEDULER_TOPIC = 'scheduler'
/** Topic on which any scheduler replica answers `WhatIfRequest` with `WhatIfResult`. */
export const WHAT_IF_TOPIC = 'scheduler-what-if'
/**
 * Broadcast: hosts (cell and row id) whose row has changed, so that every replica reads it again, and servers whose claim
 * on them was tried and is made or lost by now.
 */
export const HOSTS_CHANGED = 'hosts-changed'

export const hostsChanged = message(
  'scheduler.hosts-changed',
  1,
  T.Object({
    cell_id: T.String(),
    host_ids: T.Array(T.Integer(), { maxItems: 10_000 }),
    tried: T.Optional(T.Array(T.String({ maxLength: 64 }), { maxItems: 10_000 })),
  }),
)

/**
 * What a server of this flavor claims on a host. Disk is root, ephemeral and swap, as Placement counts it. Extra specs
 * `resources:VCPU`, `resources:MEMORY_MB` and `resources:DISK_GB` say another amount, also 0, as in Nova.
 */
export function demand(flavor: Flavor): { vcpus: number; memory_mb: number; disk_gb: number } {
  return {
    vcpus: amount(flavor, 'VCPU') ?? flavor.vcpus,
    memory_mb: amount(flavor, 'MEMORY_MB') ?? flavor.memory_mb,
    disk_gb: amount(flavor, 'DISK_GB') ?? flavor.root_gb + flavor.ephemeral_gb + Math.ceil(flavor.swap_mb / 1024),
  }
}

/** What is no whole number that a claim can hold says nothing. */
function amount({ extra_specs }: Flavor, resource: string): number | undefined {
  const said = extra_specs[`resources:${resource}`]
  return said !== undefined && /^\d{1,9}$/.test(said) ? Number(said) : undefined
}

/** `unknown` is also what was never attested, or too long ago. */
export type TrustLevel = 'trusted' | 'untrusted' | 'unknown'

/** A compute node as its cell stores it: inventory, the sum of claims, and the state of its service. */
export interface HostRow {
  readonly id: number
  readonly host: string
  readonly node: string
  readonly host_ip: string
  readonly hypervisor_type: string
  readonly hypervisor_version: number
  /** Nova's `cpu_info`: arch, model, vendor, features, topology. */
  readonly cpu_info: Readonly<Record<string, unknown>>
  /** `[arch, hypervisor type, vm mode]` triples. */
  readonly supported_instances: readonly (readonly string[])[]
  /** What it says it can do, by the names of os-traits, and what it has measured. */
  readonly traits?: readonly string[]
  readonly metrics?: Readonly<Record<string, number>>
  /**
   * Of the servers that have a claim on it, where a filter or weigher asks: ids of their flavors; and by `name=value` how
   * many were built from images with this property.
   */
  readonly flavors?: readonly string[]
  readonly image_properties?: Readonly<Record<string, number>>
  /** What the attestation service says of it, where one is asked. */
  readonly trust?: TrustLevel
  readonly availability_zone: string
  /** The metadata of each aggregate that has the host, in the order of their ids. */
  readonly aggregates: readonly Readonly<Record<string, string>>[]
  /** What the machine has. */
  readonly vcpus: number
  readonly memory_mb: number
  readonly local_gb: number
  readonly reserved_memory_mb: number
  readonly reserved_disk_gb: number
  /** What may be claimed of it: `floor((total - reserved) x ratio)`. */
  readonly vcpus_capacity: number
  readonly memory_mb_capacity: number
  readonly disk_gb_capacity: number
  /** What is claimed. */
  readonly vcpus_used: number
  readonly memory_mb_used: number
  readonly disk_gb_used: number
  readonly running_vms: number
  /** Servers that are being built, rebuilt, resized or copied into an image: Nova's io_workload. */
  readonly io_ops: number
  /** Builds that failed since the last one that did not. */
  readonly failed_builds: number
  readonly disabled: boolean
  readonly forced_down: boolean
  /** Last heartbeat, milliseconds since the epoch; null when there was none. */
  readonly last_seen_at: number | null
}

const HostNames = T.Array(T.String({ maxLength: 255 }), { maxItems: 1000 })

const hints = {
  build_near_host_ip: T.Optional(T.String({ maxLength: 45 })),
  cidr: T.Optional(T.String({ maxLength: 45 })),
  /** JSON text, as JsonFilter takes it. */
  query: T.Optional(T.String({ maxLength: 4_096 })),
}

const ServerIds = T.Array(T.String({ maxLength: 36 }), { maxItems: 1000 })

/** What a request for servers says to the scheduler; of other servers, their ids. */
export const SchedulerHints = T.Object({
  different_host: T.Optional(ServerIds),
  same_host: T.Optional(ServerIds),
  ...hints,
})
export type SchedulerHints = Static<typeof SchedulerHints>
export const isSchedulerHints = (value: unknown): value is SchedulerHints => Value.Check(SchedulerHints, value)

/** The same for one decision: of other servers, the hosts they are on by now. */
const PlanHints = T.Object({ different_host: T.Optional(HostNames), same_host: T.Optional(HostNames), ...hints })

/** The policies of a server group; the soft ones are wishes, which weighers see to. */
export const GroupPolicy = T.Union([
  T.Literal('affinity'),
  T.Literal('anti-affinity'),
  T.Literal('soft-affinity'),
  T.Literal('soft-anti-affinity'),
])

/** The group that a server is in, as it is when the decision is asked for. */
export const PlanGroup = T.Object({
  policy: GroupPolicy,
  /** Of anti-affinity: so many members may share a host. */
  max_server_per_host: T.Integer({ minimum: 1 }),
  /** The hosts that have members, the server itself not counted. */
  members: T.Array(T.Object({ host: T.String({ maxLength: 255 }), servers: T.Integer({ minimum: 1 }) }), {
    maxItems: 10_000,
  }),
})
export type PlanGroup = Static<typeof PlanGroup>

/** One decision asked of the scheduler: everything it may depend on, beside the snapshot of hosts. */
export const PlanRequest = T.Object({
  server_id: T.String({ maxLength: 64 }),
  project_id: T.String({ maxLength: 255 }),
  flavor: Flavor,
  image_id: T.Optional(T.Union([T.String({ maxLength: 64 }), T.Null()])),
  image_properties: T.Record(T.String(), T.String()),
  availability_zone: T.Union([T.String({ maxLength: 255 }), T.Null()]),
  /** `az:host[:node]` of an admin: filters are skipped, as in Nova. */
  force_host: T.Union([T.String({ maxLength: 255 }), T.Null()]),
  force_node: T.Union([T.String({ maxLength: 255 }), T.Null()]),
  /** The one host or node wanted, if it passes the filters: Nova's requested destination. */
  requested_host: T.Optional(T.String({ maxLength: 255 })),
  requested_node: T.Optional(T.String({ maxLength: 255 })),
  /** The cell of a server that moves: it does not leave it. */
  cell_id: T.Optional(T.String({ maxLength: 255 })),
  ignore_hosts: HostNames,
  /** Nodes on which the server found no room when it came to claim it. */
  retry: T.Optional(
    T.Array(T.Object({ host: T.String({ maxLength: 255 }), node: T.String({ maxLength: 255 }) }), { maxItems: 1000 }),
  ),
  hints: T.Optional(PlanHints),
  group: T.Optional(PlanGroup),
  /** Hosts wanted back: the chosen one and alternates in the same cell (`[scheduler] max_attempts`). */
  count: T.Integer({ minimum: 1, maximum: 64 }),
  /** Decides ties and `host_subset_size`; the same snapshot, request and seed give the same plan. */
  seed: T.Integer({ minimum: 0 }),
})
export type PlanRequest = Static<typeof PlanRequest>

/** What one filter took away, with the host that came nearest to passing where it compares a quantity. */
export const Rejection = T.Object({
  filter: T.String(),
  hosts: T.Integer({ minimum: 1 }),
  /**
   * For a person, without host names: `3 of 5 hosts lack 8192 MB RAM (best has 3011 MB free)`. Only the first of an
   * explanation says `hosts`; the next is `2 of 5 are disabled`.
   */
  says: T.String(),
  /** What the host that came nearest to passing has of a quantity, where the condition compares one. */
  shortfall: T.Optional(T.Object({ quantity: T.String(), asked: T.Number(), nearest: T.Number() })),
})
export type Rejection = Static<typeof Rejection>

export const Candidate = T.Object({
  cell_id: T.String(),
  host_id: T.Integer(),
  host: T.String(),
  node: T.String(),
  weight: T.Number(),
  /** Weigher name to its share of `weight`. */
  weights: T.Record(T.String(), T.Number()),
})
export type Candidate = Static<typeof Candidate>

/** Every rejected host is counted once, at the first filter it failed. Most hosts first. */
export const Explanation = T.Object({ hosts: T.Integer({ minimum: 0 }), rejections: T.Array(Rejection) })
export type Explanation = Static<typeof Explanation>

/** Hosts and reasons that are kept of one decision. */
export const MAX_KEPT_ALTERNATES = 8
export const MAX_KEPT_REJECTIONS = 64
export const MAX_KEPT_ATTEMPTS = 16

/** What is kept with a server of the decision that placed it, or could not: bounded, however large the cloud. */
export const Decision = T.Object({
  ...Explanation.properties,
  /** ISO 8601, UTC. */
  decided_at: T.String(),
  /** Null where no host was left. */
  chosen: T.Union([Candidate, T.Null()]),
  /** Those next in line, best first. */
  alternates: T.Array(Candidate, { maxItems: MAX_KEPT_ALTERNATES }),
  /** Hosts that were chosen before and could not take the server, and why, in order. */
  attempts: T.Array(T.Object({ host: T.String(), node: T.String(), reason: T.String() }), {
    maxItems: MAX_KEPT_ATTEMPTS,
  }),
})
export type Decision = Static<typeof Decision>

/** Best host first; empty when none is left, and then `explanation` says why. */
export const PlanResult = T.Object({ candidates: T.Array(Candidate), explanation: Explanation })
export type PlanResult = Static<typeof PlanResult>

export const planRequest = message('scheduler.plan-request', 1, PlanRequest)
export const planResult = message('scheduler.plan-result', 1, PlanResult)
export const decision = message('scheduler.decision', 1, Decision)

/** Servers that one what-if places by name, and hosts that it adds. */
export const MAX_WHAT_IF_SERVERS = 1_000
export const MAX_WHAT_IF_HOSTS = 10_000
/** Further servers are counted up to this. */
export const MAX_WHAT_IF_MORE = 10_000

const Size = T.Integer({ minimum: 0, maximum: 2 ** 30 - 1 })
const Ratio = T.Number({ minimum: 0, maximum: 1_000 })

/** Hosts that do not exist yet: as large as said, in all else as `like`, or as an empty host without traits. */
export const AddedHosts = T.Object({
  count: T.Optional(T.Integer({ minimum: 1, maximum: MAX_WHAT_IF_HOSTS })),
  /** Name of the first; several are numbered. */
  name: T.Optional(T.String({ minLength: 1, maxLength: 200 })),
  /** A host there is, to be copied empty. */
  like: T.Optional(T.String({ minLength: 1, maxLength: 255 })),
  vcpus: T.Optional(Size),
  memory_mb: T.Optional(Size),
  local_gb: T.Optional(Size),
  cpu_allocation_ratio: T.Optional(Ratio),
  ram_allocation_ratio: T.Optional(Ratio),
  disk_allocation_ratio: T.Optional(Ratio),
  availability_zone: T.Optional(T.String({ minLength: 1, maxLength: 255 })),
  hypervisor_type: T.Optional(T.String({ minLength: 1, maxLength: 255 })),
})
export type AddedHosts = Static<typeof AddedHosts>

/** What is to be taken for true of the hosts. */
export const Assumptions = T.Object({
  down: HostNames,
  disabled: HostNames,
  added: T.Array(AddedHosts, { maxItems: 100 }),
})
export type Assumptions = Static<typeof Assumptions>

/** Where would these servers go? Nothing comes of it: no claim, no host that others would find taken. */
export const WhatIfRequest = T.Object({
  request: PlanRequest,
  servers: T.Integer({ minimum: 1, maximum: MAX_WHAT_IF_SERVERS }),
  assume: Assumptions,
})
export type WhatIfRequest = Static<typeof WhatIfRequest>

export const WhatIfResult = T.Object({
  /** Hosts that were looked at, with those that were assumed. */
  hosts: T.Integer({ minimum: 0 }),
  /** One for each server that found a host, in order; fewer than asked for where they do not all fit. */
  placed: T.Array(Candidate, { maxItems: MAX_WHAT_IF_SERVERS }),
  /** The same servers that would fit beside these; more than so many when `at_least`. */
  more: T.Object({ servers: T.Integer({ minimum: 0 }), at_least: T.Boolean() }),
  /** What stood in the way of the first server. */
  first: Explanation,
  /** What stands in the way of the one that does not fit any more; null where none was found. */
  blocked: T.Union([Explanation, T.Null()]),
})
export type WhatIfResult = Static<typeof WhatIfResult>

export const whatIfRequest = message('scheduler.what-if-request', 1, WhatIfRequest)
export const whatIfResult = message('scheduler.what-if-result', 1, WhatIfResult)
