import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { FILTER_OPTIONS } from '../../test/support/fleet.ts'
import type { PlanRequest } from '../contracts/index.ts'
import { explain } from './explanation.ts'
import { enabledFilters } from './filters/index.ts'
import { createFleet, type Fleet } from './fleet.ts'
import type { HostRow } from '../contracts/index.ts'
import { QUANTITIES } from './host.ts'
import { imaginaryHost, imaginaryRequest } from './imaginary.ts'
import { plan, type Policy } from './plan.ts'
import { randomBelow, seededRandom } from './random.ts'
import type { Snapshot } from './snapshot.ts'
import { createTwin, type Twin } from './twin.ts'
import { chooseWeighers } from './weighers/index.ts'
import { type ChosenWeigher, type Measure, quantityMeasure } from './weighers/weigher.ts'

const FILTERS = ['AvailabilityZoneFilter', 'ComputeFilter', 'CoreFilter', 'RamFilter', 'DiskFilter']
/** Every other one. */
const MORE_FILTERS = [
  'ComputeCapabilitiesFilter',
  'ImagePropertiesFilter',
  'IsolatedHostsFilter',
  'DifferentHostFilter',
  'SameHostFilter',
  'SimpleCIDRAffinityFilter',
  'JsonFilter',
  'RetryFilter',
  'TypeAffinityFilter',
  'TrustedFilter',
  'IoOpsFilter',
  'NumInstancesFilter',
  'AggregateInstanceExtraSpecsFilter',
  'AggregateImagePropertiesIsolation',
  'AggregateMultiTenancyIsolation',
  'AggregateTypeAffinityFilter',
  'AggregateCoreFilter',
  'AggregateRamFilter',
  'AggregateDiskFilter',
  'AggregateIoOpsFilter',
  'AggregateNumInstancesFilter',
]
const CELLS = ['cell1', 'cell2']

/** Everything a decision says, with the slots: what has to agree. */
function told(policy: Policy, snapshot: Snapshot, request: PlanRequest) {
  const { hosts, weighings, candidates, rejections } = plan(policy, snapshot, request)
  return {
    left: hosts - rejections.reduce((sum, rejection) => sum + rejection.hosts, 0),
    candidates: candidates.map(({ host, weight, shares }) => ({ slot: host.slot, id: host.row.id, weight, shares })),
    explanation: explain({ hosts, weighings, candidates, rejections }),
  }
}

/** The fleet without the memory of what comes again: every pass looks at every host. */
const scanning = (fleet: Fleet): Snapshot => ({
  size: fleet.size,
  cells: fleet.cells,
  host: fleet.host,
  scan: (pass) => fleet.scan({ ...pass, recurs: false }),
})

/**
 * With kept records, by a full scan, and the twin: all three tell the same.
 * Compares without `expect` first: of tens of thousands of decisions only one that differs is worth its report.
 */
function agree(policy: Policy, fleet: Fleet, twin: Snapshot, request: PlanRequest): void {
  const [one, other] = [told(policy, fleet, request), told(policy, twin, request)]
  if (!Bun.deepEquals(one, other, true)) expect(one).toEqual(other)
  const full = told(policy, scanning(fleet), request)
  if (!Bun.deepEquals(full, other, true)) expect(full).toEqual(other)
}

/** Far more than they take; the default of 5 s is not, on a busy machine. */
const TIMEOUT_MS = 120_000

/** A small range makes hosts that are equal, which is where the order of ties shows. */
const capacity = fc.oneof(fc.constantFrom(0, 8, 64, 4_096), fc.integer({ min: 0, max: 2 ** 31 - 1 }))

const changesOfHost = fc.record(
  {
    vcpus_capacity: capacity,
    vcpus_used: capacity,
    memory_mb_capacity: capacity,
    memory_mb_used: capacity,
    disk_gb_capacity: capacity,
    disk_gb_used: capacity,
    memory_mb: capacity,
    disabled: fc.boolean(),
    forced_down: fc.boolean(),
    last_seen_at: fc.option(fc.integer({ min: 0, max: 200_000 })),
    availability_zone: fc.constantFrom('nova', 'az1', 'az2', 'az3'),
    host: fc.constantFrom('shared', 'host-1', 'host-2'),
    host_ip: fc.constantFrom('10.0.0.1', '10.0.1.1', '2001:db8::1'),
    hypervisor_type: fc.constantFrom('QEMU', 'LXC'),
    hypervisor_version: fc.constantFrom(6_000_000, 7_002_000),
    supported_instances: fc.constantFrom([], [['aarch64', 'kvm', 'hvm']], [['x86_64', 'kvm', 'hvm']]),
    running_vms: fc.constantFrom(0, 3, 49, 50, 51),
    trust: fc.constantFrom('trusted', 'untrusted', 'unknown'),
    flavors: fc.subarray([imaginaryRequest(0).flavor.id, 'another']),
    io_ops: fc.constantFrom(0, 6, 7, 8, 9),
    failed_builds: fc.constantFrom(0, 0, 1, 5),
    aggregates: fc.subarray<Readonly<Record<string, string>>>(
      [
        { ssd: 'true', ram_allocation_ratio: '0.5', any_weight_multiplier: '2.5' },
        { any_weight_multiplier: '-1,many' },
        { ssd: 'false', cpu_allocation_ratio: '1', instance_type: 'm2' },
        { filter_tenant_id: 'imaginary,other', max_io_ops_per_host: '7' },
        { filter_tenant_id: 'other', max_instances_per_host: '4', os_distro: 'debian' },
      ],
      { minLength: 0 },
    ),
  },
  { requiredKeys: [] },
)

const weigher = (measure: Measure, floor: number | null, multiplier: number): ChosenWeigher => ({
  weigher: { name: 'AnyWeigher', weighs: () => measure, floor, option: 'any_weight_multiplier' },
  multiplier,
})

/** Fractions, of which some round to the same f32, and what a decision changes. */
const VALUES: readonly Measure[] = [
  { kind: 'value', key: 'third', of: ({ row }) => row.memory_mb / 3 },
  { kind: 'value', key: 'near', of: ({ row }) => 2 ** 28 + row.running_vms / 64 },
  { kind: 'value', key: 'taken', of: ({ taken }) => -taken.vcpus * 0.1 },
  { kind: 'hosts', values: { 'host-1': 2, shared: -3, nobody: 9 } },
]
const measureOf = fc.oneof(
  fc.constantFrom(...QUANTITIES).map(quantityMeasure),
  fc.constantFrom(...QUANTITIES).map(quantityMeasure),
  fc.constantFrom(...VALUES),
)

const policyOf = fc.record({
  filters: fc
    .tuple(fc.subarray(FILTERS), fc.oneof(fc.constant([]), fc.subarray(MORE_FILTERS)))
    .map(([some, more]) => enabledFilters([...more, ...some])),
  options: fc.constantFrom(FILTER_OPTIONS, {
    ...FILTER_OPTIONS,
    isolated_images: ['secret'],
    isolated_hosts: ['host-1', 'shared'],
    max_instances_per_host: 3,
  }),
  weighers: fc.array(
    fc
      .tuple(measureOf, fc.constantFrom(0, null), fc.constantFrom(1, -1, 0.1, 3.3, 1e-9, 1e9))
      .map(([measure, floor, multiplier]) => weigher(measure, floor, multiplier)),
    { maxLength: 4 },
  ),
  host_subset_size: fc.constantFrom(1, 1, 5, 256),
  shuffle_best_same_weighed_hosts: fc.constantFrom(false, false, true),
}) satisfies fc.Arbitrary<Policy>

const requestOf = fc
  .record({
    vcpus: fc.constantFrom(0, 1, 2, 8, 64, 300),
    memory_mb: fc.constantFrom(0, 512, 16_384, 100_000),
    root_gb: fc.constantFrom(0, 10, 900),
    swap_mb: fc.constantFrom(0, 1, 2_048),
    availability_zone: fc.constantFrom(null, null, 'nova', 'az1', 'az9'),
    force_host: fc.constantFrom(null, null, null, null, 'host-3', 'shared', 'nobody'),
    force_node: fc.constantFrom(null, null, null, null, 'node-3'),
    cell_id: fc.constantFrom(undefined, undefined, 'cell1', 'cell2'),
    ignore_hosts: fc.subarray(['host-1', 'host-2', 'shared', 'host-4', 'nobody'], { minLength: 0 }),
    count: fc.constantFrom(1, 1, 3, 3, 64),
    seed: fc.nat(),
    image_id: fc.constantFrom('secret', 'other', null),
    image_properties: fc.constantFrom<Record<string, string>[]>(
      {},
      { hw_architecture: 'x86_64', os_distro: 'debian' },
      { img_hv_type: 'kvm', img_hv_requested_version: '>=7' },
    ),
    extra_specs: fc.constantFrom<Record<string, string>[]>(
      {},
      {},
      { ssd: 'true' },
      { 'aggregate_instance_extra_specs:ssd': '<or> true <or> false', 'capabilities:hypervisor_type': 'QEMU' },
      { num_instances: '<= 3' },
      { 'trust:trusted_host': 'trusted' },
    ),
    retry: fc.subarray([{ host: 'shared', node: 'node-2' }, { host: 'host-5', node: 'node-5' }]),
    hints: fc.record(
      {
        different_host: fc.subarray(['host-1', 'shared', 'nobody']),
        same_host: fc.subarray(['host-1', 'host-2', 'shared']),
        build_near_host_ip: fc.constantFrom('10.0.0.9', '2001:db8::9'),
        query: fc.oneof(
          fc.constantFrom('["not", ["=", "$hypervisor_type", "LXC"]]', '["<", "$num_instances", 3]'),
          // More than are kept, so that some make room for others.
          fc.nat(200).map((vcpus) => `[">=", "$vcpus_total", ${vcpus}]`),
        ),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ vcpus, memory_mb, root_gb, swap_mb, extra_specs, ...rest }): PlanRequest => {
    const request = imaginaryRequest(rest.seed)
    return { ...request, ...rest, flavor: { ...request.flavor, vcpus, memory_mb, root_gb, swap_mb, extra_specs } }
  })

type Both = { fleet: Fleet; twin: Twin; ids: { cell: string; id: number }[]; now: number; nextId: number; seed: number }

/** Something that happens to a fleet; `at` picks the host it happens to. */
const eventOf = fc.oneof(
  fc.record({ kind: fc.constant('join' as const), count: fc.constantFrom<number>(1, 1, 70), changes: changesOfHost }),
  fc.record({ kind: fc.constant('change' as const), at: fc.nat(), changes: changesOfHost }),
  fc.record({ kind: fc.constant('leave' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('take' as const), at: fc.nat(), vcpus: fc.nat(20), memory_mb: fc.nat(20_000) }),
  fc.record({ kind: fc.constant('time' as const), passed_ms: fc.integer({ min: -50_000, max: 100_000 }) }),
)

function happen(both: Both, event: ReturnType<typeof eventOf.generate>['value']): void {
  const { fleet, twin } = both
  const put = (cell: string, row: HostRow) => {
    fleet.put(cell, row, both.now)
    twin.put(cell, row, both.now)
  }
  if (event.kind === 'time') {
    both.now += event.passed_ms
    fleet.sweep(both.now)
    twin.sweep(both.now)
    return
  }
  if (event.kind === 'join') {
    for (let joined = 0; joined < event.count; joined++) {
      const id = both.nextId++
      const cell = CELLS[id % 7 === 0 ? 1 : 0] as string
      both.ids.push({ cell, id })
      // Of a batch, every other host has the changes: so there are hosts like each other.
      const base = imaginaryHost(id, seededRandom(both.seed + (joined % 5)))
      put(cell, joined % 2 === 0 ? { ...base, ...event.changes } : base)
    }
    return
  }
  const picked = both.ids[event.at % Math.max(both.ids.length, 1)]
  if (!picked) return
  const slot = fleet.slotOf(picked.cell, picked.id) as number
  if (event.kind === 'change') put(picked.cell, { ...fleet.host(slot).row, ...event.changes })
  if (event.kind === 'take') {
    for (const each of [fleet, twin]) each.take(slot, { ...event, disk_gb: 1, servers: 1 })
  }
  if (event.kind === 'leave') {
    both.ids = both.ids.filter((each) => each !== picked)
    for (const each of [fleet, twin]) each.remove(picked.cell, picked.id)
  }
}

test('the WASM core and its twin agree on survivors, winner, order and explanation, whatever happens', () => {
  let decisions = 0
  const history = fc.array(fc.tuple(eventOf, fc.array(requestOf, { minLength: 1, maxLength: 3 })), { maxLength: 25 })
  fc.assert(
    fc.property(policyOf, history, fc.integer({ min: 0, max: 300 }), fc.nat(1_000), (policy, happened, hosts, seed) => {
      const both: Both = {
        fleet: createFleet({ service_down_time: 60 }),
        twin: createTwin({ service_down_time: 60 }),
        ids: [],
        now: 0,
        nextId: 1,
        seed,
      }
      happen(both, { kind: 'join', count: hosts, changes: {} })
      for (const [event, requests] of happened) {
        happen(both, event)
        for (const request of requests) {
          agree(policy, both.fleet, both.twin, request)
          decisions++
        }
      }
    }),
    { numRuns: 400 },
  )
  expect(decisions).toBeGreaterThan(1_000)
}, TIMEOUT_MS)

test('the WASM core and its twin agree in fleets of thousands, mixed and uniform', () => {
  const policy: Policy = {
    filters: enabledFilters(FILTERS),
    options: FILTER_OPTIONS,
    weighers: chooseWeighers({ ram_weight_multiplier: 1, cpu_weight_multiplier: 1, disk_weight_multiplier: 1 }),
    host_subset_size: 1,
    shuffle_best_same_weighed_hosts: false,
  }
  for (const uniform of [false, true]) {
    const fleet = createFleet({ service_down_time: 60 })
    const twin = createTwin({ service_down_time: 60 })
    const random = seededRandom(7)
    for (let id = 1; id <= 3_000; id++) {
      const row = imaginaryHost(id, uniform ? seededRandom(1) : random)
      fleet.put('cell1', row, 0)
      twin.put('cell1', row, 0)
    }
    for (let seed = 0; seed < 150; seed++) {
      const request = { ...imaginaryRequest(seed, 1 + (seed % 40)), count: seed % 10 === 0 ? 64 : 3 }
      const decided = told(policy, fleet, request)
      agree(policy, fleet, twin, request)
      const [winner] = decided.candidates
      if (!winner) continue
      for (const each of [fleet, twin]) each.take(winner.slot, { vcpus: seed % 9, memory_mb: seed * 10, disk_gb: 1, servers: 1 })
    }
  }
}, TIMEOUT_MS)

test('hosts that differ by less than an f32 can tell are ranked by their exact weights, equal ones by slot', () => {
  // An f32 near 2^29 is a multiple of 64: these round both ways.
  const values = fc
    .subarray([0, 1, 31, 32, 33, 34, 63, 95, 96, 97], { minLength: 2 })
    .map((offsets) => fc.constantFrom(...offsets))
    .chain((offset) => fc.array(fc.tuple(offset, offset), { minLength: 2, maxLength: 400 }))
  const multiplier = fc.constantFrom(0, 1, -1, 0.3)
  // The third best scores less than its weight says, and stands in a later sixteen than the one it has to replace.
  const late = [63, 34, 34, 34, 63, 63, 34, 63, 63, 34, 34, 34, 34, 34, 95, 34, 95]
  fc.assert(
    fc.property(values, multiplier, multiplier, fc.constantFrom(1, 3, 64), (pairs, ram, cpu, count) => {
      const fleet = createFleet({ service_down_time: 60 })
      const twin = createTwin({ service_down_time: 60 })
      for (const [index, [vcpus, memory_mb]] of pairs.entries()) {
        const base = imaginaryHost(index + 1, seededRandom(1))
        // Both values on one scale: swapped, they weigh the same and are not the same.
        const large = { vcpus_capacity: 2 ** 29 + vcpus, memory_mb: 2 ** 29 + memory_mb, reserved_memory_mb: 0 }
        const row = { ...base, ...large, vcpus_used: 0, memory_mb_used: 0 }
        fleet.put('cell1', row, 0)
        twin.put('cell1', row, 0)
      }
      const policy: Policy = {
        filters: [],
        options: FILTER_OPTIONS,
        weighers: chooseWeighers({ ram_weight_multiplier: ram, cpu_weight_multiplier: cpu, disk_weight_multiplier: 0 }),
        host_subset_size: 1,
        shuffle_best_same_weighed_hosts: false,
      }
      const request = { ...imaginaryRequest(1), count }
      agree(policy, fleet, twin, request)
    }),
    { numRuns: 400, examples: [[late.map((offset): [number, number] => [0, offset]), 0.7, 0, 3]] },
  )
}, TIMEOUT_MS)

/** Conditions and weighers of several kinds, for requests that come again and again. */
const CHURNED: readonly Policy[] = [
  {
    filters: enabledFilters(FILTERS),
    options: FILTER_OPTIONS,
    weighers: chooseWeighers({ ram_weight_multiplier: 1, cpu_weight_multiplier: 1, disk_weight_multiplier: 1 }),
    host_subset_size: 1,
    shuffle_best_same_weighed_hosts: false,
  },
  {
    filters: enabledFilters([...FILTERS, 'IoOpsFilter', 'NumInstancesFilter', 'ComputeCapabilitiesFilter', 'IsolatedHostsFilter']),
    options: { ...FILTER_OPTIONS, isolated_hosts: ['host-1', 'host-7'], max_io_ops_per_host: 3 },
    weighers: [
      weigher(quantityMeasure('free_ram_mb'), 0, -1),
      weigher(quantityMeasure('num_instances'), null, -0.3),
      weigher(quantityMeasure('failed_builds'), null, -1e6),
      weigher(quantityMeasure('free_disk_gb'), null, 2),
    ],
    host_subset_size: 1,
    shuffle_best_same_weighed_hosts: false,
  },
]

test.each([0, 1])('what is kept of requests that come again is what a scan finds, under churn (policy %p)', (which) => {
  const policy = CHURNED[which] as Policy
  let decisions = 0
  for (const [hosts, classes, uniform] of [
    [700, 6, false],
    [3_000, 24, false],
    [3_000, 3, true],
    [1_500, 60, false],
  ] as const) {
    const random = seededRandom(hosts + classes + which)
    const fleet = createFleet({ service_down_time: 60 })
    const twin = createTwin({ service_down_time: 60 })
    const both = [fleet, twin]
    const rows = Array.from({ length: hosts }, (_, id) => {
      const row = imaginaryHost(id + 1, uniform ? seededRandom(1) : random)
      return { ...row, running_vms: randomBelow(5, random), io_ops: randomBelow(4, random) }
    })
    for (const row of rows) for (const each of both) each.put('cell1', row, 0)
    const requests = Array.from({ length: classes }, (_, nth) => {
      const request = imaginaryRequest(nth, 1 + (nth % 24))
      const extra_specs: Record<string, string> = nth % 5 === 4 ? { num_instances: '<= 3' } : {}
      return { ...request, availability_zone: nth % 3 === 2 ? 'az1' : null, flavor: { ...request.flavor, extra_specs } }
    })
    for (let round = 0; round < 3_500; round++) {
      const request = requests[randomBelow(classes, random)] as PlanRequest
      agree(policy, fleet, twin, { ...request, seed: round, count: round % 50 === 0 ? 64 : 3 })
      decisions += 3
      for (let change = randomBelow(6, random); change > 0; change--) {
        const at = randomBelow(hosts, random)
        const row = rows[at] as HostRow
        const slot = fleet.slotOf('cell1', row.id)
        const kind = randomBelow(20, random)
        if (kind === 0 && slot !== undefined) for (const each of both) each.remove('cell1', row.id)
        else if (kind < 4 || slot === undefined) {
          rows[at] = {
            ...row,
            disabled: randomBelow(8, random) === 0,
            availability_zone: randomBelow(4, random) === 0 ? 'az1' : 'nova',
            failed_builds: randomBelow(30, random) === 0 ? 1 + randomBelow(3, random) : 0,
            vcpus_used: randomBelow(row.vcpus_capacity + 1, random),
            memory_mb_used: randomBelow(row.memory_mb_capacity + 1, random),
          }
          for (const each of both) each.put('cell1', rows[at] as HostRow, 0)
        } else {
          const vcpus = randomBelow(9, random)
          for (const each of both) each.take(slot, { vcpus, memory_mb: vcpus * 512, disk_gb: vcpus * 5, servers: vcpus % 4 })
        }
      }
    }
  }
  expect(decisions).toBe(42_000)
}, TIMEOUT_MS)
