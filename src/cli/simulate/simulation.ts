import type { HostRow, PlanRequest } from '../../contracts/index.ts'
import { createFleet, explain, type Fleet, plan, type Policy } from '../../scheduler/index.ts'
import type { Arrival } from './arrivals.ts'
import { createDepartures } from './departures.ts'

/** What every host of the fleet is. */
export interface HostSize {
  readonly vcpus: number
  readonly memory_mb: number
  readonly local_gb: number
  readonly cpu_allocation_ratio: number
  readonly ram_allocation_ratio: number
  readonly disk_allocation_ratio: number
}

/** Shares of what may be claimed, 0…1. */
export interface Fill {
  readonly vcpus: number
  readonly memory: number
  readonly disk: number
}

/** The fleet at one moment, and what was refused since the moment before. */
export interface Moment extends Fill {
  readonly at_s: number
  readonly servers: number
  readonly refused: number
}

export interface Outcome {
  readonly hosts: number
  readonly arrivals: number
  readonly placed: number
  readonly refused: number
  /** Refusals by the filter that took most hosts, with the sentence of the first one. */
  readonly reasons: readonly { readonly filter: string; readonly servers: number; readonly example: string }[]
  /** Over all time. */
  readonly mean: Fill
  /** When the most memory was claimed. */
  readonly peak: Moment & { readonly hosts_in_use: number }
  readonly end: Moment & { readonly hosts_in_use: number }
  readonly moments: readonly Moment[]
  /** Of this run on this machine; all else is the same for the same seed. */
  readonly latency_us: { readonly p50: number; readonly p99: number; readonly max: number }
}

export interface Simulation {
  readonly hosts: number
  readonly size: HostSize
  readonly arrivals: readonly Arrival[]
  readonly policy: Policy
  readonly seed: number
  /** Told now and then how many servers were decided about. */
  readonly progress?: (done: number) => Promise<void> | void
}

const CELL = 'simulated'
/** Moments that the picture has. */
const MOMENTS = 400
const PROGRESS_EVERY = 2_000
const NO_FILL: Fill = { vcpus: 0, memory: 0, disk: 0 }

/**
 * Replays arrivals and departures through the same decisions that real servers get. Claims are written at once, as if
 * nobody else asked meanwhile.
 */
export async function simulate({ hosts, size, arrivals, policy, seed, progress }: Simulation): Promise<Outcome> {
  const fleet = createFleet({ service_down_time: 60 })
  for (let id = 1; id <= hosts; id++) fleet.put(CELL, hostOf(id, size), 0)
  const books = openBooks(fleet, hosts, size)
  const departures = createDepartures<{ slot: number; arrival: Arrival }>()
  const end_s = Math.max(1, arrivals.at(-1)?.at_s ?? 0)
  const moments: Moment[] = []
  const reasons = new Map<string, { servers: number; example: string }>()
  const latencies = new Float64Array(arrivals.length)
  let peak = { ...books.now(0), refused: 0 }
  let refusedBefore = 0
  let refused = 0

  function passTo(at_s: number): void {
    for (let due = departures.next(at_s); due; due = departures.next(at_s)) {
      sampleTo(due.at_s)
      books.change(due.item.slot, due.item.arrival, -1, due.at_s)
    }
    sampleTo(at_s)
  }

  function sampleTo(at_s: number): void {
    while (moments.length < MOMENTS && (moments.length * end_s) / (MOMENTS - 1) <= at_s) {
      const { hosts_in_use: _, ...moment } = books.now((moments.length * end_s) / (MOMENTS - 1))
      moments.push({ ...moment, refused: refused - refusedBefore })
      refusedBefore = refused
    }
  }

  for (const [index, arrival] of arrivals.entries()) {
    if (index % PROGRESS_EVERY === 0) await progress?.(index)
    passTo(arrival.at_s)
    const began = Bun.nanoseconds()
    const made = plan(policy, fleet, requestOf(arrival, seed + index))
    latencies[index] = (Bun.nanoseconds() - began) / 1_000
    const [winner] = made.candidates
    if (winner) {
      const { slot } = winner.host
      books.change(slot, arrival, 1, arrival.at_s)
      if (Number.isFinite(arrival.lifetime_s)) departures.add(arrival.at_s + arrival.lifetime_s, { slot, arrival })
      const now = books.now(arrival.at_s)
      if (now.memory > peak.memory) peak = { ...now, refused: 0 }
    } else {
      refused++
      const { rejections } = explain(made)
      const { filter, says } = rejections[0] ?? { filter: 'none', says: 'there are no hosts' }
      const known = reasons.get(filter)
      reasons.set(filter, { servers: (known?.servers ?? 0) + 1, example: known?.example ?? says })
    }
  }
  passTo(end_s)
  await progress?.(arrivals.length)
  return {
    hosts,
    arrivals: arrivals.length,
    placed: arrivals.length - refused,
    refused,
    reasons: [...reasons]
      .map(([filter, reason]) => ({ filter, ...reason }))
      .sort((left, right) => right.servers - left.servers),
    mean: books.mean(end_s),
    peak,
    end: { ...books.now(end_s), refused: 0 },
    moments,
    latency_us: percentiles(latencies),
  }
}

/** The sums over all hosts, kept as servers come and go. */
function openBooks(fleet: Fleet, hosts: number, size: HostSize) {
  const capacity = capacityOf(size)
  const used = { vcpus: 0, memory: 0, disk: 0 }
  let integral = NO_FILL
  let since_s = 0
  let servers = 0
  let inUse = 0

  const fill = (): Fill => ({
    vcpus: share(used.vcpus, hosts * capacity.vcpus_capacity),
    memory: share(used.memory, hosts * capacity.memory_mb_capacity),
    disk: share(used.disk, hosts * capacity.disk_gb_capacity),
  })

  function advance(at_s: number): void {
    const { vcpus, memory, disk } = fill()
    const passed = at_s - since_s
    integral = { vcpus: integral.vcpus + vcpus * passed, memory: integral.memory + memory * passed, disk: integral.disk + disk * passed }
    since_s = at_s
  }

  return {
    change(slot: number, { vcpus, memory_mb, disk_gb }: Arrival, sign: 1 | -1, at_s: number): void {
      advance(at_s)
      const { row } = fleet.host(slot)
      const changed: HostRow = {
        ...row,
        vcpus_used: row.vcpus_used + sign * vcpus,
        memory_mb_used: row.memory_mb_used + sign * memory_mb,
        disk_gb_used: row.disk_gb_used + sign * disk_gb,
        running_vms: row.running_vms + sign,
      }
      fleet.put(CELL, changed, 0)
      used.vcpus += sign * vcpus
      used.memory += sign * memory_mb
      used.disk += sign * disk_gb
      servers += sign
      if (sign === 1 && changed.running_vms === 1) inUse++
      if (sign === -1 && changed.running_vms === 0) inUse--
    },
    now: (at_s: number) => ({ at_s, servers, hosts_in_use: inUse, ...fill() }),
    mean(end_s: number): Fill {
      advance(end_s)
      return { vcpus: integral.vcpus / end_s, memory: integral.memory / end_s, disk: integral.disk / end_s }
    },
  }
}

const share = (used: number, of: number): number => (of === 0 ? 0 : used / of)

const capacityOf = (size: HostSize) => ({
  vcpus_capacity: Math.floor(size.vcpus * size.cpu_allocation_ratio),
  memory_mb_capacity: Math.floor(size.memory_mb * size.ram_allocation_ratio),
  disk_gb_capacity: Math.floor(size.local_gb * size.disk_allocation_ratio),
})

function hostOf(id: number, size: HostSize): HostRow {
  const { vcpus, memory_mb, local_gb } = size
  return {
    id,
    host: `host-${id}`,
    node: `host-${id}`,
    host_ip: '192.0.2.1',
    hypervisor_type: 'QEMU',
    hypervisor_version: 7_002_000,
    cpu_info: { arch: 'x86_64' },
    supported_instances: [['x86_64', 'kvm', 'hvm']],
    availability_zone: 'nova',
    aggregates: [],
    vcpus,
    memory_mb,
    local_gb,
    reserved_memory_mb: 0,
    reserved_disk_gb: 0,
    ...capacityOf(size),
    vcpus_used: 0,
    memory_mb_used: 0,
    disk_gb_used: 0,
    running_vms: 0,
    io_ops: 0,
    failed_builds: 0,
    disabled: false,
    forced_down: false,
    last_seen_at: 0,
  }
}

function requestOf({ vcpus, memory_mb, disk_gb }: Arrival, seed: number): PlanRequest {
  const name = `${vcpus}-${memory_mb}-${disk_gb}`
  return {
    server_id: 'simulated',
    project_id: 'simulated',
    flavor: { id: name, name, vcpus, memory_mb, root_gb: disk_gb, ephemeral_gb: 0, swap_mb: 0, extra_specs: {} },
    image_properties: {},
    availability_zone: null,
    force_host: null,
    force_node: null,
    ignore_hosts: [],
    count: 1,
    seed,
  }
}

function percentiles(values: Float64Array): Outcome['latency_us'] {
  const sorted = values.toSorted()
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 }
}
