import { describe, expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
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

describe('AggregateInstanceExtraSpecsFilter', () => {
  const fleet = fleetOf({ aggregates: [{ ssd: 'true, yes' }, { gpus: '4' }] }, { aggregates: [{ ssd: 'false' }] }, {})
  const asked = (extra_specs: Record<string, string>) =>
    filtered(aggregateInstanceExtraSpecsFilter, fleet, requestFor({ extra_specs }))

  test('wants every key, scoped or not, from any aggregate of the host and with any of its values', () => {
    expect(asked({ ssd: 'true', 'aggregate_instance_extra_specs:gpus': '>= 2' }).passed).toEqual([1])
    expect(asked({ 'aggregate_instance_extra_specs:ssd': '<or> false <or> yes' }).passed).toEqual([1, 2])
    expect(asked({ 'hw:cpu_policy': 'shared' }).passed).toEqual([1, 2, 3])
  })

  test('says what no aggregate meets', () => {
    expect(asked({ gpus: '>= 8' }).says).toBe(
      'No valid host was found: 3 of 3 hosts are in no aggregate that meets the flavor: gpus >= 8.',
    )
  })
})

test('a host in an aggregate with instance_type takes those flavors only', () => {
  const fleet = fleetOf({ aggregates: [{ instance_type: 'm1.small,m1.large' }] }, {})
  const passed = (name: string) => filtered(aggregateTypeAffinityFilter, fleet, requestFor({ name })).passed
  expect(passed('m1.large')).toEqual([1, 2])
  expect(passed('m1')).toEqual([2])
})

test('a host in an aggregate for projects takes theirs only, whatever follows filter_tenant_id', () => {
  const fleet = fleetOf({ aggregates: [{ filter_tenant_id: 'a' }, { filter_tenant_id2: 'b,c' }] }, {})
  const passed = (project_id: string) =>
    filtered(aggregateMultiTenancyIsolation, fleet, requestFor({}, { project_id })).passed
  expect(passed('a')).toEqual([1, 2])
  expect(passed('c')).toEqual([1, 2])
  expect(passed('d')).toEqual([2])
})

test('an aggregate’s key that an image has too must have its value, in the namespace if there is one', () => {
  const fleet = fleetOf({ aggregates: [{ os_distro: 'windows', 'lic.os': 'yes' }] }, {})
  const passed = (image_properties: Record<string, string>, namespace?: string) =>
    filtered(aggregateImagePropertiesIsolation, fleet, requestFor({}, { image_properties }), {
      aggregate_image_properties_isolation_namespace: namespace,
    }).passed
  expect(passed({ os_distro: 'windows', other: 'x' })).toEqual([1, 2])
  expect(passed({ os_distro: 'debian' })).toEqual([2])
  expect(passed({ other: 'debian' })).toEqual([1, 2])
  expect(passed({ os_distro: 'debian' }, 'lic')).toEqual([1, 2])
  expect(passed({ 'lic.os': 'no' }, 'lic')).toEqual([2])
})

test.each([
  [aggregateCoreFilter, 'cpu_allocation_ratio', { vcpus: 8 }],
  [aggregateRamFilter, 'ram_allocation_ratio', { memory_mb: 8_192 }],
  [aggregateDiskFilter, 'disk_allocation_ratio', { root_gb: 100 }],
])('%# an aggregate lowers the ratio of its hosts, the least counts, and it cannot raise what may be claimed', (filter, key, flavor) => {
  const fleet = fleetOf({}, { aggregates: [{ [key]: '2.0' }, { [key]: '0.5' }] }, { aggregates: [{ [key]: '16' }] }, {
    aggregates: [{ [key]: 'much' }],
  })
  const passed = (request: object) => filtered(filter, fleet, requestFor(request)).passed
  expect(passed(flavor)).toEqual([1, 3, 4])
  const [[name, amount]] = Object.entries(flavor) as [[string, number]]
  expect(passed({ [name]: amount / 2 })).toEqual([1, 2, 3, 4])
  expect(passed({ [name]: amount + 1 })).toEqual([])
})

test('an aggregate limits servers being built, and servers, on each of its hosts', () => {
  const fleet = fleetOf(
    { io_ops: 2, running_vms: 3, aggregates: [{ max_io_ops_per_host: '2', max_instances_per_host: '3' }] },
    { io_ops: 2, running_vms: 3, aggregates: [{ max_io_ops_per_host: '3', max_instances_per_host: '4' }] },
    { io_ops: 8, running_vms: 50 },
  )
  expect(filtered(aggregateIoOpsFilter, fleet, requestFor()).passed).toEqual([2])
  expect(filtered(aggregateNumInstancesFilter, fleet, requestFor()).passed).toEqual([2])
})
