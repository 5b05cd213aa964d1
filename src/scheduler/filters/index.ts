import { selectByName } from '../select-by-name.ts'
import { allHostsFilter } from './all-hosts.ts'
import { availabilityZoneFilter } from './availability-zone.ts'
import { computeFilter } from './compute.ts'
import { coreFilter } from './core.ts'
import { diskFilter } from './disk.ts'
import type { Filter } from './filter.ts'
import { ramFilter } from './ram.ts'

export type { FilterOptions } from './filter.ts'

/** Every filter there is. A new one is its file and a line here. */
const FILTERS: readonly Filter[] = [
  allHostsFilter,
  availabilityZoneFilter,
  computeFilter,
  coreFilter,
  ramFilter,
  diskFilter,
]

/**
 * The filters of `enabled_filters`, in its order. Short names and Nova's class paths both do.
 * @throws {Error} for a name that is no filter, with those that are.
 */
export function enabledFilters(names: readonly string[]): readonly Filter[] {
  return selectByName(FILTERS, names, '[filter_scheduler] enabled_filters')
}
