import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { imagePropertiesFilter } from './image-properties.ts'

const fleet = fleetOf(
  { supported_instances: [['x86_64', 'kvm', 'hvm'], ['i686', 'qemu', 'hvm']], hypervisor_version: 6_002_003 },
  { supported_instances: [['aarch64', 'qemu', 'hvm']], hypervisor_version: 7_000_000 },
  { supported_instances: [] },
)
const passing = (image_properties: Record<string, string>, options = {}) =>
  filtered(imagePropertiesFilter, fleet, requestFor({}, { image_properties }), options).passed

test('one of the instances that a host supports has to have all that the image asks for', () => {
  expect(passing({ hw_architecture: 'x86_64', img_hv_type: 'kvm' })).toEqual([1])
  expect(passing({ hw_architecture: 'x86_64', img_hv_type: 'qemu' })).toEqual([])
  expect(passing({ hw_vm_mode: 'hvm' })).toEqual([1, 2])
  expect(passing({ os_distro: 'debian' })).toEqual([1, 2, 3])
})

test('older names of properties and other names of values are understood', () => {
  expect(passing({ architecture: 'AMD64', hypervisor_type: 'KVM', vm_mode: 'fullvirt' })).toEqual([1])
  expect(passing({ architecture: 'i586' })).toEqual([1])
})

test('an image without an architecture has the one of the option', () => {
  const options = { image_properties_default_architecture: 'aarch64' }
  expect(passing({}, options)).toEqual([2])
  expect(passing({ hw_architecture: 'x86_64' }, options)).toEqual([1])
})

test.each([
  ['>=6.0,<7', [1]],
  ['== 6.2.3', [1]],
  ['>=7', [2, 3]],
  ['!=6.2.3', [2, 3]],
  ['<= 6.2.2', []],
  ['seven', []],
])('a hypervisor version %s is had by hosts %p', (img_hv_requested_version, hosts) => {
  expect(passing({ img_hv_requested_version })).toEqual(hosts as number[])
})

test('the sentence says what the image asks for', () => {
  const image_properties = { hw_architecture: 'ppc64', img_hv_requested_version: '>=9' }
  expect(filtered(imagePropertiesFilter, fleet, requestFor({}, { image_properties })).says).toBe(
    'No valid host was found: 3 of 3 hosts do not support what the image asks for: ppc64, hypervisor >=9.',
  )
})
