/**
 * Measures scheduling decisions: filter and weigh every host, with the explanation's numbers, no database and no bus;
 * one thread, warm. The TypeScript twin and the memory's bandwidth are measured in turns with the core, so that their
 * ratios hold on a busy machine.
 *
 *     bun run bench:scheduler [--json] [--hosts N,N…]
 */
import { parseArgs } from 'node:util'
import type { PlanRequest } from '../../src/contracts/index.ts'
import { demand } from '../../src/contracts/index.ts'
import { recordBytes } from '../../src/scheduler/core.ts'
import { enabledFilters } from '../../src/scheduler/filters/index.ts'
import { createFleet, type Fleet } from '../../src/scheduler/fleet.ts'
import { imaginaryHost, imaginaryRequest } from '../../src/scheduler/imaginary.ts'
import { type Plan, plan, type Policy } from '../../src/scheduler/plan.ts'
import { randomBelow, seededRandom } from '../../src/scheduler/random.ts'
import type { Pass, Snapshot } from '../../src/scheduler/snapshot.ts'
import { createTwin } from '../../src/scheduler/twin.ts'
import { chooseWeighers } from '../../src/scheduler/weighers/index.ts'
import { FILTER_OPTIONS } from '../support/fleet.ts'
import { openReader } from './bandwidth.ts'

const FLEETS = [100, 1_000, 10_000, 100_000]
const CLASSES = 24
/** Changes of hosts that other schedulers' decisions make, for each decision. */
const FOREIGN = 4
const SERVERS_AT_ONCE = 100
const ROUNDS = 30
/** Hosts looked at per round: long enough to time, short enough that all sides meet the same noise. */
const HOSTS_PER_ROUND = 400_000
const DECISIONS_PER_ROUND = 2_000

const WEIGHERS = chooseWeighers({
  ram_weight_multiplier: 1,
  cpu_weight_multiplier: 1,
  disk_weight_multiplier: 1,
  io_ops_weight_multiplier: -1,
  build_failure_weight_multiplier: 1_000_000,
  hypervisor_version_weight_multiplier: 1,
})
const policyOf = (filters: readonly string[]): Policy => ({
  filters: enabledFilters(filters),
  weighers: WEIGHERS,
  options: { ...FILTER_OPTIONS, isolated_hosts: ['host-7'] },
  host_subset_size: 1,
  shuffle_best_same_weighed_hosts: false,
})

/** As nova.conf has it when it says nothing. */
const DEFAULT = policyOf([
  'AvailabilityZoneFilter',
  'ComputeFilter',
  'ComputeCapabilitiesFilter',
  'ImagePropertiesFilter',
  'CoreFilter',
  'RamFilter',
  'DiskFilter',
])
const EVERY = policyOf([
  'AllHostsFilter',
  'RetryFilter',
  'AvailabilityZoneFilter',
  'ComputeFilter',
  'ComputeCapabilitiesFilter',
  'ImagePropertiesFilter',
  'AggregateInstanceExtraSpecsFilter',
  'IsolatedHostsFilter',
  'JsonFilter',
  'SimpleCIDRAffinityFilter',
  'DifferentHostFilter',
  'SameHostFilter',
  'CoreFilter',
  'RamFilter',
  'DiskFilter',
])

const PLAIN = Array.from({ length: CLASSES }, (_, index) => imaginaryRequest(index, index + 1))
/** Requests in which every filter has a say but SameHostFilter, which would leave one host. */
const ASKING = PLAIN.slice(0, 8).map((request): PlanRequest => ({
  ...request,
  availability_zone: 'nova',
  image_properties: { hw_architecture: 'x86_64', img_hv_type: 'qemu' },
  flavor: { ...request.flavor, extra_specs: { 'capabilities:hypervisor_type': 'QEMU', ssd: 'true' } },
  retry: [{ host: 'host-1', node: 'node-1' }],
  hints: {
    query: '[">=", "$vcpus_total", 16]',
    build_near_host_ip: '192.0.2.9',
    different_host: ['host-2', 'host-3'],
  },
}))

interface Sample {
  readonly ns: number
  readonly p50_us: number
  readonly p99_us: number
}

function measure(hosts: number) {
  const fleet = fleetOf(hosts)
  const twin = createTwin({ service_down_time: 60 })
  for (const { row } of fleet.hosts()) twin.put('cell1', row, 0)
  const reader = openReader(bytesTouched(hosts))

  const scanned = Math.max(8, Math.round(HOSTS_PER_ROUND / hosts))
  const kept = Math.max(200, Math.min(DECISIONS_PER_ROUND, hosts * 2))
  const scans = scanning(fleet)
  const cloud = createCloud(fleet)
  const contests = {
    full: contest(scanned, (nth) => plan(DEFAULT, scans, PLAIN[nth % 8] as PlanRequest)),
    every: contest(scanned, (nth) => plan(EVERY, scans, ASKING[nth % 8] as PlanRequest)),
    twin: contest(Math.ceil(scanned / 8), (nth) => plan(DEFAULT, twin, PLAIN[nth % 8] as PlanRequest)),
    read: contest(scanned, () => reader.read()),
    hot: contest(kept, (nth) => cloud.place(plan(DEFAULT, fleet, seeded(PLAIN[0], nth)), PLAIN[0]), cloud.reset),
    churn: contest(kept, (nth) => {
      const request = PLAIN[nth % CLASSES]
      cloud.place(plan(DEFAULT, fleet, seeded(request, nth)), request)
      for (let change = 0; change < FOREIGN; change++) cloud.change()
    }, cloud.reset),
    many: contest(Math.ceil(kept / SERVERS_AT_ONCE), (nth) => {
      for (let server = 0; server < SERVERS_AT_ONCE; server++) {
        cloud.place(plan(DEFAULT, fleet, seeded(PLAIN[1], nth)), PLAIN[1])
      }
    }, cloud.reset),
  }
  const turns = Object.values(contests)
  for (let round = 0; round < ROUNDS / 3; round++) for (const { turn } of turns) turn(false)
  for (let round = 0; round < ROUNDS; round++) for (const { turn } of turns) turn(true)
  const { full, every, twin: plainly, read, hot, churn, many } = Object.fromEntries(
    Object.entries(contests).map(([name, { sample }]) => [name, sample()]),
  ) as Record<keyof typeof contests, Sample>
  const ratio = (one: keyof typeof contests, other: keyof typeof contests) =>
    rounded(median(contests[one].rounds.map((ns, round) => ns / (contests[other].rounds[round] as number))))
  return {
    hosts,
    full: { ...told(full), ns_per_host: rounded(full.ns / hosts), of_bandwidth_percent: rounded(100 * ratio('read', 'full')) },
    fifteen_filters: { ...told(every), ns_per_host: rounded(every.ns / hosts) },
    twin: { ns_per_host: rounded(plainly.ns / hosts), times_full: ratio('twin', 'full') },
    read: { bytes: bytesTouched(hosts), gb_per_s: rounded(bytesTouched(hosts) / read.ns) },
    hot_class: { ...told(hot), times_full: ratio('full', 'hot') },
    churn: { ...told(churn), times_full: ratio('full', 'churn') },
    servers_at_once: { servers: SERVERS_AT_ONCE, us: rounded(many.ns / 1_000) },
    memory: { bytes_per_host: Math.round(fleet.bytes / hosts), bytes_per_class: recordBytes(hosts, 5, WEIGHERS.length) },
  }
}

function fleetOf(hosts: number): Fleet {
  const random = seededRandom(1)
  const fleet = createFleet({ service_down_time: 60 })
  for (let id = 1; id <= hosts; id++) {
    const row = imaginaryHost(id, random)
    const busy = { io_ops: randomBelow(4, random), running_vms: randomBelow(40, random) }
    const failed_builds = randomBelow(50, random) === 0 ? 1 : 0
    const aggregates = randomBelow(2, random) === 0 ? [{ ssd: 'true' }] : []
    fleet.put('cell1', { ...row, ...busy, failed_builds, aggregates }, 0)
  }
  return fleet
}

/**
 * Columns that a scan with the default filters cannot do without: three to compare, and those of the weighers, but for
 * the version, which is the same everywhere. Bitmaps are small beside them.
 */
function bytesTouched(hosts: number): number {
  const compared = 3
  const active = WEIGHERS.length - 1
  return Math.ceil(hosts / 64) * 64 * 4 * (compared + active)
}

/** The fleet without the memory of requests that come again. */
const scanning = (fleet: Fleet): Snapshot => ({
  size: fleet.size,
  cells: fleet.cells,
  host: fleet.host,
  scan: ({ conditions, weighings, count }: Pass) => fleet.scan({ conditions, weighings, count }),
})

/** Every request is a message of its own: another object with the same words. */
const seeded = (request: PlanRequest | undefined, seed: number): PlanRequest => ({ ...(request as PlanRequest), seed })

/** What is placed counts against its host; others come and go. */
function createCloud(fleet: Fleet) {
  const random = seededRandom(2)
  const servers = new Int32Array(fleet.size)
  const vcpus = new Int32Array(fleet.size)
  const take = (slot: number): void => {
    const taken = vcpus[slot] as number
    fleet.take(slot, { vcpus: taken, memory_mb: taken * 2_048, disk_gb: taken * 10, servers: servers[slot] as number })
  }
  return {
    place({ candidates: [winner] }: Plan, request: PlanRequest | undefined): void {
      if (!winner || !request) return
      const { slot } = winner.host
      vcpus[slot] = (vcpus[slot] as number) + demand(request.flavor).vcpus
      servers[slot] = (servers[slot] as number) + 1
      take(slot)
    },
    change(): void {
      const slot = randomBelow(servers.length, random)
      vcpus[slot] = randomBelow(8, random)
      take(slot)
    },
    reset(): void {
      for (let slot = 0; slot < servers.length; slot++) {
        if (servers[slot] === 0 && vcpus[slot] === 0) continue
        servers[slot] = 0
        vcpus[slot] = 0
        take(slot)
      }
    },
  }
}

/** One side of the measurement: rounds of so many repetitions, of which each fourth is timed one by one. */
function contest(repetitions: number, act: (nth: number) => unknown, before: () => void = () => {}) {
  const rounds: number[] = []
  const each: number[] = []
  let nth = 0
  return {
    rounds,
    turn(counts: boolean): void {
      before()
      for (let more = 0; more < 30; more++) act(nth++)
      const began = Bun.nanoseconds()
      for (let done = 0; done < repetitions; done++) act(nth++)
      const ns = (Bun.nanoseconds() - began) / repetitions
      if (!counts) return
      rounds.push(ns)
      for (let done = 0; done < repetitions / 4; done++) {
        const start = Bun.nanoseconds()
        act(nth++)
        each.push(Bun.nanoseconds() - start)
      }
    },
    sample: (): Sample => ({
      ns: median(rounds),
      p50_us: rounded(percentile(each, 50) / 1_000),
      p99_us: rounded(percentile(each, 99) / 1_000),
    }),
  }
}

const told = ({ ns, p50_us, p99_us }: Sample) => ({ per_s: Math.round(1e9 / ns), p50_us, p99_us })

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] as number
}
const median = (values: readonly number[]): number => percentile(values, 50)
const rounded = (value: number): number => Math.round(value * 100) / 100

const { values } = parseArgs({ options: { json: { type: 'boolean' }, hosts: { type: 'string' } } })
const rows = (values.hosts?.split(',').map(Number) ?? FLEETS).map(measure)
if (values.json) console.log(JSON.stringify(rows, null, 2))
else {
  console.table(
    rows.map(({ hosts, full, fifteen_filters, hot_class, churn }) => ({
      hosts,
      'full/s': full.per_s,
      'p50 µs': full.p50_us,
      'p99 µs': full.p99_us,
      'ns/host': full.ns_per_host,
      'fifteen/s': fifteen_filters.per_s,
      'hot/s': hot_class.per_s,
      'hot p99': hot_class.p99_us,
      'churn/s': churn.per_s,
      'churn p99': churn.p99_us,
    })),
  )
  console.table(
    rows.map(({ hosts, full, twin, read, hot_class, churn, servers_at_once, memory }) => ({
      hosts,
      'twin ns/host': twin.ns_per_host,
      'times twin': twin.times_full,
      'read GB/s': read.gb_per_s,
      'of bandwidth': `${full.of_bandwidth_percent} %`,
      'hot times full': hot_class.times_full,
      'churn times full': churn.times_full,
      [`${SERVERS_AT_ONCE} servers µs`]: servers_at_once.us,
      'bytes/host': memory.bytes_per_host,
      'bytes/class': memory.bytes_per_class,
    })),
  )
}
