import { type Static, Type as T } from '@sinclair/typebox'
import { message } from './contract.ts'

/**
 * What the control plane and a compute host say to each other.
 *
 * A host serves calls on `agentTopic(host)`. Each command carries an id, by which the host recognises one that it has
 * already done (it then answers from its journal), and the server's generation, by which it refuses one that has been
 * overtaken. The host in turn publishes events on `HOST_EVENTS`; the conductor believes them only about that host.
 */
export const agentTopic = (host: string): string => `agent.${host}`
export const HOST_EVENTS = 'host-events'

const Uuid = T.String({ pattern: '^[0-9a-f-]{36}$' })
const Name = T.String({ minLength: 1, maxLength: 255 })
const Count = T.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })

export const Flavor = T.Object({
  id: Name,
  name: Name,
  vcpus: Count,
  memory_mb: Count,
  root_gb: Count,
  ephemeral_gb: Count,
  swap_mb: Count,
  extra_specs: T.Record(T.String({ maxLength: 255 }), T.String({ maxLength: 255 })),
})
export type Flavor = Static<typeof Flavor>

/** Where a host gets an image's bytes, and what they must turn out to be. */
export const ImageSource = T.Object({
  id: Uuid,
  name: T.String({ maxLength: 255 }),
  /** `GET` with `headers` gives the bytes; valid for the deadline of the command. */
  url: T.String({ maxLength: 2048 }),
  headers: T.Record(T.String(), T.String()),
  disk_format: T.Union([T.Literal('raw'), T.Literal('qcow2')]),
  size_bytes: T.Integer({ minimum: 0 }),
  sha512: T.String({ pattern: '^[0-9a-f]{128}$' }),
  min_disk_gb: Count,
  properties: T.Record(T.String(), T.String()),
})
export type ImageSource = Static<typeof ImageSource>

/** A port as its guest sees it. */
export const Vif = T.Object({
  port_id: Uuid,
  network_id: Uuid,
  network_label: T.String({ maxLength: 255 }),
  mac_address: T.String({ pattern: '^([0-9a-f]{2}:){5}[0-9a-f]{2}$' }),
  mtu: T.Integer({ minimum: 68, maximum: 65535 }),
  fixed_ips: T.Array(
    T.Object({
      subnet_id: Uuid,
      ip_address: T.String({ maxLength: 45 }),
      prefix_length: T.Integer({ minimum: 0, maximum: 128 }),
      gateway_ip: T.Union([T.String({ maxLength: 45 }), T.Null()]),
    }),
    { maxItems: 64 },
  ),
})
export type Vif = Static<typeof Vif>

/** The keypair that a server was asked for with. */
export const GuestKey = T.Object({
  name: T.String({ maxLength: 255 }),
  type: T.Union([T.Literal('ssh'), T.Literal('x509')]),
  public_key: T.String({ maxLength: 16_384 }),
})
export type GuestKey = Static<typeof GuestKey>

/** All a host needs to make a server's guest; nothing in it may be taken for a path. */
export const Instance = T.Object({
  server_id: Uuid,
  /** libvirt's domain name, from `instance_name_template`: `instance-0000002a`. */
  instance_name: T.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }),
  name: T.String({ maxLength: 255 }),
  hostname: T.String({ maxLength: 255 }),
  project_id: Name,
  project_name: T.String({ maxLength: 255 }),
  user_id: Name,
  user_name: T.String({ maxLength: 255 }),
  created_at: T.String({ maxLength: 40 }),
  flavor: Flavor,
  image: T.Union([ImageSource, T.Null()]),
  vifs: T.Array(Vif, { maxItems: 64 }),
  reservation_id: T.String({ maxLength: 255 }),
  /** Its place among the servers of one request, from 0. */
  launch_index: Count,
  availability_zone: T.Union([T.String({ maxLength: 255 }), T.Null()]),
  metadata: T.Record(T.String({ maxLength: 255 }), T.String({ maxLength: 255 })),
  /** Names, for the guest to read. */
  security_groups: T.Array(T.String({ maxLength: 255 }), { maxItems: 256 }),
  key: T.Union([GuestKey, T.Null()]),
  /** Base64, as the request had it. */
  user_data: T.Union([T.String({ maxLength: 65_535 }), T.Null()]),
  config_drive: T.Boolean(),
  /** Shown to the guest on its config drive only. */
  admin_password: T.Optional(T.String({ maxLength: 255 })),
  /** Files that the guest finds on its config drive, as clients before 2.57 may ask for. */
  personality: T.Array(
    T.Object({
      path: T.String({ maxLength: 255 }),
      /** Base64. */
      contents: T.String({ maxLength: 65_535 }),
    }),
    { maxItems: 32 },
  ),
})
export type Instance = Static<typeof Instance>

export const PowerState = T.Union([
  T.Literal('nostate'),
  T.Literal('running'),
  T.Literal('paused'),
  T.Literal('shutdown'),
  T.Literal('crashed'),
  T.Literal('suspended'),
])
export type PowerState = Static<typeof PowerState>

const common = {
  command_id: Uuid,
  server_id: Uuid,
  generation: T.Integer({ minimum: 0 }),
  /** Of the request that led to it, for the host's log. */
  request_id: T.Optional(T.String({ maxLength: 64 })),
}

/** The commands a host obeys. Each is safe to send again: same `command_id`, same effect, same answer. */
export const AgentCommand = T.Union([
  /** Makes disks and starts the guest. Done again for a guest that runs: nothing. */
  T.Object({ ...common, verb: T.Literal('spawn'), instance: Instance }),
  /** Ends the guest and removes all that is left of it. Of one that does not exist: nothing. */
  T.Object({ ...common, verb: T.Literal('destroy') }),
  T.Object({ ...common, verb: T.Literal('power_on') }),
  /** ACPI first, then by force after `timeout_s`; 0 is by force at once. */
  T.Object({ ...common, verb: T.Literal('power_off'), timeout_s: T.Integer({ minimum: 0, maximum: 3600 }) }),
  T.Object({ ...common, verb: T.Literal('reboot'), type: T.Union([T.Literal('SOFT'), T.Literal('HARD')]) }),
])
export type AgentCommand = Static<typeof AgentCommand>
export type AgentVerb = AgentCommand['verb']

/** Questions: no id, no journal, no effect. */
export const AgentQuery = T.Union([
  T.Object({
    query: T.Literal('console_output'),
    server_id: Uuid,
    /** Lines from the end; null is all (bounded by the host). */
    lines: T.Union([T.Integer({ minimum: 0, maximum: 1_000_000 }), T.Null()]),
  }),
  /** How long the host has been up, in the words of uptime(1). */
  T.Object({ query: T.Literal('uptime') }),
])
export type AgentQuery = Static<typeof AgentQuery>

export const agentRequest = message('agent.request', 1, T.Union([AgentCommand, AgentQuery]))

export const CommandResult = T.Object({ power_state: PowerState })
export type CommandResult = Static<typeof CommandResult>
export const commandResult = message('agent.command-result', 1, CommandResult)
export const consoleOutput = message('agent.console-output', 1, T.Object({ output: T.String({ maxLength: 1_048_576 }) }))

export const hostUptime = message('agent.uptime', 1, T.Object({ uptime: T.String({ maxLength: 255 }) }))

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
  /** The host asks how its network has to be (`HostNetworks`); at start, and now and then. */
  T.Object({ ...from, event: T.Literal('networks_wanted') }),
  T.Object({ ...from, event: T.Literal('goodbye') }),
])
export type HostEvent = Static<typeof HostEvent>
export const hostEvent = message('host.event', 1, HostEvent)
