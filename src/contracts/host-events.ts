import { type Static, Type as T } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { message } from './contract.ts'
import { Count, Name, PowerState, Uuid } from './instance.ts'
import { Progress } from './moving.ts'

/** Where hosts report; the conductor believes each only about itself. */
export const HOST_EVENTS = 'host-events'

const Trait = T.String({ pattern: '^[A-Z0-9_]{1,255}$' })
/** Whether a trait may have this name. */
export const isTrait = (name: string): boolean => Value.Check(Trait, name)

/** What a host has, as it reports it; ratios and reserves come from its own configuration, as in Nova. */
export const Inventory = T.Object({
  hypervisor_hostname: Name,
  node_id: Uuid,
  host_ip: T.String({ maxLength: 45 }),
  hypervisor_type: T.String({ maxLength: 64 }),
  /** Nova's integer form: 7.2.18 is 7002018. */
  hypervisor_version: T.Integer({ minimum: 0 }),
  vcpus: Count,
  memory_mb: Count,
  local_gb: Count,
  reserved_vcpus: Count,
  reserved_memory_mb: Count,
  reserved_disk_gb: Count,
  cpu_allocation_ratio: T.Number({ exclusiveMinimum: 0, maximum: 1000 }),
  ram_allocation_ratio: T.Number({ exclusiveMinimum: 0, maximum: 1000 }),
  disk_allocation_ratio: T.Number({ exclusiveMinimum: 0, maximum: 1000 }),
  /** Nova's `cpu_info`: arch, model, vendor, features, topology. */
  cpu_info: T.Record(T.String(), T.Unknown()),
  /** `[arch, hypervisor type, vm mode]` triples. */
  supported_instances: T.Array(T.Tuple([T.String(), T.String(), T.String()]), { maxItems: 256 }),
  /** What the host can do, by the names of os-traits, or CUSTOM_ ones. */
  traits: T.Optional(T.Array(Trait, { maxItems: 1024 })),
  /** Measurements by name, for MetricsFilter and MetricsWeigher. */
  metrics: T.Optional(T.Record(T.String({ pattern: '^[\\w.]{1,255}$' }), T.Number(), { maxProperties: 64 })),
})
export type Inventory = Static<typeof Inventory>

const from = { host: Name, sent_at: T.Integer() }

export const HostEvent = T.Union([
  /** The host joins or its inventory changed. Also its first sign of life after a start. */
  T.Object({ ...from, event: T.Literal('inventory'), inventory: Inventory }),
  T.Object({ ...from, event: T.Literal('heartbeat'), report_count: Count }),
  /** The guest's power state changed outside a command. */
  T.Object({ ...from, event: T.Literal('power'), server_id: Uuid, power_state: PowerState }),
  /** All guests the host has, at start and now and then: what is not in it does not run there. */
  T.Object({
    ...from,
    event: T.Literal('guests'),
    guests: T.Array(T.Object({ server_id: Uuid, power_state: PowerState }), { maxItems: 10_000 }),
  }),
  /** How far a command is that takes long; at most one a second for each. */
  T.Object({ ...from, event: T.Literal('progress'), server_id: Uuid, command_id: Uuid, progress: Progress }),
  /** The host asks how its network has to be (`HostNetworks`); at start, and now and then. */
  T.Object({
    ...from,
    event: T.Literal('networks_wanted'),
    /** Digest of the state it holds (`networksDigest`): sent again only if another is due. */
    holds: T.Optional(T.String({ maxLength: 64 })),
  }),
  /** The host asks what a guest of its own may know about itself (`GuestFacts`). */
  T.Object({ ...from, event: T.Literal('guest_wanted'), server_id: Uuid }),
  /** A guest has posted a password for its owner, which counts if it is the first; the answer is as above. */
  T.Object({ ...from, event: T.Literal('guest_password'), server_id: Uuid, password: T.String({ maxLength: 1020 }) }),
  T.Object({ ...from, event: T.Literal('goodbye') }),
])
export type HostEvent = Static<typeof HostEvent>
export const hostEvent = message('host.event', 1, HostEvent)
