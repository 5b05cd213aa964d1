/**
 * Measures scheduling decisions: filter and weigh every host, with the explanation's numbers, no database and no bus.
 * The TypeScript twin decides the same in turns with the core, so that their ratio holds on a busy machine.
 *
 *     bun run bench:scheduler [--json] [--hosts N,N…]
 */
import { parseArgs } from 'node:util'
import { FILTER_OPTIONS } from '../support/fleet.ts'
import { enabledFilters } from '../../src/scheduler/filters/index.ts'
import { createFleet } from '../../src/scheduler/fleet.ts'
import { imaginaryHost, imaginaryRequest } from '../../src/scheduler/imaginary.ts'
import { plan, type Policy } from '../../src/scheduler/plan.ts'
import { seededRandom } from '../../src/scheduler/random.ts'
import type { Snapshot } from '../../src/scheduler/snapshot.ts'
import { createTwin } from '../../src/scheduler/twin.ts'
import { chooseWeighers } from '../../src/scheduler/weighers/index.ts'

const POLICY: Policy = {
  filters: enabledFilters(['AvailabilityZoneFilter', 'ComputeFilter', 'CoreFilter', 'RamFilter', 'DiskFilter']),
  weighers: chooseWeighers({ ram_weight_multiplier: 1, cpu_weight_multiplier: 1, disk_weight_multiplier: 1 }),
  options: FILTER_OPTIONS,
  host_subset_size: 1,
  shuffle_best_same_weighed_hosts: false,
}

const FLEETS = [100, 1_000, 10_000, 100_000]
/** The twin takes its time to fill. */
const LARGEST_TWIN = 10_000
const ROUNDS = 40
/** Hosts looked at per round: long enough to time, short enough that both sides meet the same noise. */
const HOSTS_PER_ROUND = 400_000
/** The first decisions run in an interpreter. */
const WARM_UP_HOSTS = 5_000_000
const WARM_UP_DECISIONS = 2_000
const REQUESTS = Array.from({ length: 8 }, (_, index) => imaginaryRequest(index, index + 1))

interface Row {
  readonly hosts: number
  readonly decisions_per_s: number
  readonly p50_us: number
  readonly p99_us: number
  readonly ns_per_host: number
  readonly twin_ns_per_host: number | null
  /** How many times the twin's time, median of rounds that follow each other. */
  readonly times_twin: number | null
  readonly bytes_per_host: number
}

function measure(hosts: number): Row {
  const random = seededRandom(1)
  const fleet = createFleet({ service_down_time: 60 })
  const twin = hosts <= LARGEST_TWIN ? createTwin({ service_down_time: 60 }) : undefined
  for (let id = 1; id <= hosts; id++) {
    const row = imaginaryHost(id, random)
    fleet.put('cell1', row, 0)
    twin?.put('cell1', row, 0)
  }
  const warmUp = Math.max(WARM_UP_DECISIONS, Math.ceil(WARM_UP_HOSTS / hosts))
  decide(fleet, warmUp)
  if (twin) decide(twin, warmUp / 10)

  const decisions = Math.max(8, Math.round(HOSTS_PER_ROUND / hosts))
  const rounds: number[] = []
  const ratios: number[] = []
  const twins: number[] = []
  const each: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const core_ns = decide(fleet, decisions)
    rounds.push(core_ns)
    if (twin) {
      const twin_ns = decide(twin, Math.ceil(decisions / 8))
      twins.push(twin_ns)
      ratios.push(twin_ns / core_ns)
    }
    for (let index = 0; index < decisions; index++) {
      const began = Bun.nanoseconds()
      decideOnce(fleet, index)
      each.push(Bun.nanoseconds() - began)
    }
  }
  const ns = percentile(rounds, 50)
  return {
    hosts,
    decisions_per_s: Math.round(1e9 / ns),
    p50_us: rounded(percentile(each, 50) / 1_000),
    p99_us: rounded(percentile(each, 99) / 1_000),
    ns_per_host: rounded(ns / hosts),
    twin_ns_per_host: twin ? rounded(percentile(twins, 50) / hosts) : null,
    times_twin: twin ? rounded(percentile(ratios, 50)) : null,
    bytes_per_host: Math.round(fleet.bytes / hosts),
  }
}

const decideOnce = (snapshot: Snapshot, index: number) =>
  plan(POLICY, snapshot, REQUESTS[index % REQUESTS.length] as (typeof REQUESTS)[number])

/** Nanoseconds per decision. */
function decide(snapshot: Snapshot, decisions: number): number {
  const began = Bun.nanoseconds()
  for (let index = 0; index < decisions; index++) decideOnce(snapshot, index)
  return (Bun.nanoseconds() - began) / decisions
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] as number
}

const rounded = (value: number): number => Math.round(value * 100) / 100

const { values } = parseArgs({ options: { json: { type: 'boolean' }, hosts: { type: 'string' } } })
const rows = (values.hosts?.split(',').map(Number) ?? FLEETS).map(measure)
if (values.json) console.log(JSON.stringify(rows, null, 2))
else console.table(rows)
