import type { HostRow, PlanRequest } from '../../src/contracts/index.ts'
import { explain, sentence } from '../../src/scheduler/explanation.ts'
import type { Filter, FilterOptions } from '../../src/scheduler/filters/filter.ts'
import { createFleet, type Fleet } from '../../src/scheduler/fleet.ts'
import { imaginaryHost, imaginaryRequest } from '../../src/scheduler/imaginary.ts'
import { plan, type Policy } from '../../src/scheduler/plan.ts'
import { seededRandom } from '../../src/scheduler/random.ts'

/** A host that is up (at time 0), enabled and empty: 8 vCPUs, 8192 MB, 100 GB to claim. */
export function idleHost(id: number, changes: Partial<HostRow> = {}): HostRow {
  return {
    ...imaginaryHost(id, seededRandom(1)),
    availability_zone: 'nova',
    vcpus: 8,
    memory_mb: 8_192,
    local_gb: 100,
    reserved_memory_mb: 0,
    vcpus_capacity: 8,
    memory_mb_capacity: 8_192,
    disk_gb_capacity: 100,
    vcpus_used: 0,
    memory_mb_used: 0,
    disk_gb_used: 0,
    disabled: false,
    last_seen_at: 0,
    ...changes,
  }
}

/** Idle hosts with these changes, with ids from 1 and slots from 0, in one cell. */
export function fleetOf(...changes: Partial<HostRow>[]): Fleet {
  const fleet = createFleet({ service_down_time: 60 })
  for (const [index, each] of changes.entries()) fleet.put('cell1', idleHost(index + 1, each), 0)
  return fleet
}

/** A request for 1 vCPU, 512 MB and 1 GB, except for what is said. */
export function requestFor(
  flavor: Partial<PlanRequest['flavor']> = {},
  changes: Partial<PlanRequest> = {},
): PlanRequest {
  const small = { vcpus: 1, memory_mb: 512, root_gb: 1, ephemeral_gb: 0, swap_mb: 0 }
  const base = imaginaryRequest(0)
  return { ...base, ...changes, flavor: { ...base.flavor, ...small, ...flavor } }
}

/** As `nova.conf` has them when it says nothing. */
export const FILTER_OPTIONS: FilterOptions = {
  max_io_ops_per_host: 8,
  max_instances_per_host: 50,
  isolated_images: [],
  isolated_hosts: [],
  restrict_isolated_hosts_to_isolated_images: true,
  image_properties_default_architecture: undefined,
  aggregate_image_properties_isolation_namespace: undefined,
  aggregate_image_properties_isolation_separator: '.',
  metrics: [],
}

export function policyOf(changes: Partial<Policy> = {}): Policy {
  return {
    filters: [],
    options: FILTER_OPTIONS,
    weighers: [],
    host_subset_size: 1,
    shuffle_best_same_weighed_hosts: false,
    ...changes,
  }
}

/** Hosts that pass one filter, by id, and the fault text that its rejections would make. */
export function filtered(
  filter: Filter,
  fleet: Fleet,
  request: PlanRequest,
  options: Partial<FilterOptions> = {},
): { passed: number[]; says: string } {
  const policy = policyOf({ filters: [filter], options: { ...FILTER_OPTIONS, ...options } })
  const made = plan(policy, fleet, { ...request, count: 64 })
  return { passed: made.candidates.map(({ host }) => host.row.id), says: sentence(explain(made)) }
}
