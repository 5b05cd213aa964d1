import { demand } from '../../contracts/index.ts'
import type { Host } from '../host.ts'
import { aggregateLimit } from './aggregate-values.ts'
import { type Filter, matches, verb } from './filter.ts'

/**
 * CoreFilter, RamFilter and DiskFilter with an allocation ratio from the host's aggregates. A claim is bound by the
 * ratio that the host itself reports, so that an aggregate can lower it, and not raise it.
 */
function ratioFilter(
  name: string,
  option: string,
  what: string,
  resource: (host: Host) => { readonly total: number; readonly capacity: number; readonly used: number },
  amountOf: (demanded: ReturnType<typeof demand>) => number,
): Filter {
  return {
    name,
    asks: ({ flavor }) => {
      const amount = amountOf(demand(flavor))
      return [
        matches(
          `${name} ${amount}`,
          (host) => {
            const { total, capacity, used } = resource(host)
            const ratio = aggregateLimit(host.row.aggregates, option, Number.POSITIVE_INFINITY)
            return Math.min(capacity, total * ratio) - used >= amount
          },
          (r) => `${verb(r, 'lacks', 'lack')} ${amount} ${what} by the ratio of ${verb(r, 'its', 'their')} aggregates`,
        ),
      ]
    },
  }
}

export const aggregateCoreFilter = ratioFilter(
  'AggregateCoreFilter',
  'cpu_allocation_ratio',
  'vCPUs',
  ({ row, taken }) => ({ total: row.vcpus, capacity: row.vcpus_capacity, used: row.vcpus_used + taken.vcpus }),
  ({ vcpus }) => vcpus,
)

export const aggregateRamFilter = ratioFilter(
  'AggregateRamFilter',
  'ram_allocation_ratio',
  'MB RAM',
  ({ row, taken }) => ({
    total: row.memory_mb - row.reserved_memory_mb,
    capacity: row.memory_mb_capacity,
    used: row.memory_mb_used + taken.memory_mb,
  }),
  ({ memory_mb }) => memory_mb,
)

export const aggregateDiskFilter = ratioFilter(
  'AggregateDiskFilter',
  'disk_allocation_ratio',
  'GB disk',
  ({ row, taken }) => ({
    total: row.local_gb - row.reserved_disk_gb,
    capacity: row.disk_gb_capacity,
    used: row.disk_gb_used + taken.disk_gb,
  }),
  ({ disk_gb }) => disk_gb,
)

/** IoOpsFilter with a limit from the host's aggregates; the option where they have none. */
export const aggregateIoOpsFilter: Filter = {
  name: 'AggregateIoOpsFilter',
  asks: (_request, { max_io_ops_per_host: fallback }) => [
    matches(
      `AggregateIoOpsFilter ${fallback}`,
      ({ row, taken }) =>
        row.io_ops + taken.servers < aggregateLimit(row.aggregates, 'max_io_ops_per_host', fallback),
      (r) => `${verb(r, 'is', 'are')} as busy with other servers as ${verb(r, 'its', 'their')} aggregates allow`,
    ),
  ],
}

/** NumInstancesFilter with a limit from the host's aggregates; the option where they have none. */
export const aggregateNumInstancesFilter: Filter = {
  name: 'AggregateNumInstancesFilter',
  asks: (_request, { max_instances_per_host: fallback }) => [
    matches(
      `AggregateNumInstancesFilter ${fallback}`,
      ({ row, taken }) =>
        row.running_vms + taken.servers < aggregateLimit(row.aggregates, 'max_instances_per_host', fallback),
      (r) => `${verb(r, 'has', 'have')} as many servers as ${verb(r, 'its', 'their')} aggregates allow`,
    ),
  ],
}
