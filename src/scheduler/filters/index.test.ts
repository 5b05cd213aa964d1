import { expect, test } from 'bun:test'
import { enabledFilters } from './index.ts'

const names = (enabled: string[]) => enabledFilters(enabled).map(({ name }) => name)

test('filters come in the order of the option, once each, by short name or by class path', () => {
  const enabled = ['RamFilter', 'nova.scheduler.filters.compute_filter.ComputeFilter', 'ComputeFilter']
  expect(names(enabled)).toEqual(['RamFilter', 'ComputeFilter'])
})

test('an unknown filter is refused with the names there are', () => {
  expect(() => names(['RamFilter', 'nova.scheduler.filters.RamFliter'])).toThrow(
    '[filter_scheduler] enabled_filters: there is no RamFliter; known are AllHostsFilter, AvailabilityZoneFilter,',
  )
})
