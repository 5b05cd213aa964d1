import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { computeCapabilitiesFilter } from './compute-capabilities.ts'

const fleet = fleetOf(
  { hypervisor_type: 'QEMU', cpu_info: { arch: 'x86_64', topology: { cores: 8 }, features: ['avx2', 'sse4.2'] } },
  { hypervisor_type: 'LXC', cpu_info: { arch: 'aarch64' }, memory_mb_used: 8_000 },
)
const passing = (extra_specs: Record<string, string>) =>
  filtered(computeCapabilitiesFilter, fleet, requestFor({ extra_specs })).passed

test('a scoped extra spec is met by an attribute of the host, however deep, or by nothing', () => {
  expect(passing({ 'capabilities:hypervisor_type': 's== QEMU' })).toEqual([1])
  expect(passing({ 'capabilities:cpu_info:arch': '<or> aarch64 <or> ppc64' })).toEqual([2])
  expect(passing({ 'capabilities:cpu_info:topology:cores': '>= 8' })).toEqual([1])
  expect(passing({ 'capabilities:cpu_info:features': '<in> avx2' })).toEqual([1])
  expect(passing({ 'capabilities:cpu_info:nonsense': 'x' })).toEqual([])
  expect(passing({ 'capabilities:constructor': '<in> x' })).toEqual([])
})

test('one without a scope counts where it names an attribute, one of another scope never', () => {
  expect(passing({ hypervisor_type: 'LXC' })).toEqual([2])
  expect(passing({ ssd: 'true', 'hw:cpu_policy': 'dedicated' })).toEqual([1, 2])
  expect(passing({})).toEqual([1, 2])
})

test('all have to be met, and the sentence says what they are', () => {
  const extra_specs = { 'capabilities:hypervisor_type': 'QEMU', free_ram_mb: '<= 500' }
  expect(filtered(computeCapabilitiesFilter, fleet, requestFor({ extra_specs })).says).toBe(
    'No valid host was found: 2 of 2 hosts do not have the capabilities of the flavor: ' +
      'hypervisor_type QEMU, free_ram_mb <= 500.',
  )
})

test('two extra specs are not taken for one that reads the same', () => {
  const both = { host: 'host-1', 'capabilities:nodename': 'node-1' }
  expect(passing(both)).toEqual([1])
  expect(passing({ host: 'host-1, nodename node-1' })).toEqual([])
  expect(passing(both)).toEqual([1])
})

test('a host is asked again when it has changed', () => {
  const moving = fleetOf({}, {})
  const passed = () =>
    filtered(computeCapabilitiesFilter, moving, requestFor({ extra_specs: { num_instances: '<= 2' } })).passed
  expect(passed()).toEqual([1, 2])
  moving.put('cell1', { ...moving.host(0).row, running_vms: 3 }, 0)
  expect(passed()).toEqual([2])
  moving.take(1, { vcpus: 0, memory_mb: 0, disk_gb: 0, servers: 3 })
  expect(passed()).toEqual([])
  moving.remove('cell1', 1)
  moving.put('cell1', { ...moving.host(1).row, id: 9, running_vms: 0 }, 0)
  expect(passed()).toEqual([9])
})
