import { selectByName } from '../select-by-name.ts'
import { differentHostFilter, sameHostFilter } from './affinity.ts'
import { aggregateInstanceExtraSpecsFilter } from './aggregate-instance-extra-specs.ts'
import {
  aggregateImagePropertiesIsolation,
  aggregateMultiTenancyIsolation,
  aggregateTypeAffinityFilter,
} from './aggregate-isolation.ts'
import {
  aggregateCoreFilter,
  aggregateDiskFilter,
  aggregateIoOpsFilter,
  aggregateNumInstancesFilter,
  aggregateRamFilter,
} from './aggregate-limits.ts'
import { allHostsFilter } from './all-hosts.ts'
import { availabilityZoneFilter } from './availability-zone.ts'
import { computeCapabilitiesFilter } from './compute-capabilities.ts'
import { computeFilter } from './compute.ts'
import { coreFilter } from './core.ts'
import { diskFilter } from './disk.ts'
import type { Filter } from './filter.ts'
import { imagePropertiesFilter } from './image-properties.ts'
import { ioOpsFilter } from './io-ops.ts'
import { isolatedHostsFilter } from './isolated-hosts.ts'
import { jsonFilter } from './json.ts'
import { metricsFilter } from './metrics.ts'
import { numInstancesFilter } from './num-instances.ts'
import { ramFilter } from './ram.ts'
import { retryFilter } from './retry.ts'
import { serverGroupAffinityFilter, serverGroupAntiAffinityFilter } from './server-group.ts'
import { simpleCIDRAffinityFilter } from './simple-cidr-affinity.ts'
import { trustedFilter } from './trusted.ts'
import { typeAffinityFilter } from './type-affinity.ts'

export type { FilterOptions } from './filter.ts'

/** Every filter there is. A new one is its file and a line here. */
const FILTERS: readonly Filter[] = [
  allHostsFilter,
  availabilityZoneFilter,
  computeFilter,
  coreFilter,
  ramFilter,
  diskFilter,
  computeCapabilitiesFilter,
  imagePropertiesFilter,
  isolatedHostsFilter,
  differentHostFilter,
  sameHostFilter,
  simpleCIDRAffinityFilter,
  serverGroupAntiAffinityFilter,
  serverGroupAffinityFilter,
  jsonFilter,
  retryFilter,
  ioOpsFilter,
  numInstancesFilter,
  metricsFilter,
  typeAffinityFilter,
  trustedFilter,
  aggregateInstanceExtraSpecsFilter,
  aggregateImagePropertiesIsolation,
  aggregateMultiTenancyIsolation,
  aggregateTypeAffinityFilter,
  aggregateCoreFilter,
  aggregateRamFilter,
  aggregateDiskFilter,
  aggregateIoOpsFilter,
  aggregateNumInstancesFilter,
]

/**
 * The filters of `enabled_filters`, in its order. Short names and Nova's class paths both do.
 * @throws {Error} for a name that is no filter, with those that are.
 */
export function enabledFilters(names: readonly string[]): readonly Filter[] {
  return selectByName(FILTERS, names, '[filter_scheduler] enabled_filters')
}
