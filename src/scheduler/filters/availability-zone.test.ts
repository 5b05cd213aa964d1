import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { availabilityZoneFilter } from './availability-zone.ts'

const fleet = fleetOf({ availability_zone: 'az1' }, {}, { availability_zone: 'az1' })

test('only hosts of the zone asked for pass', () => {
  expect(filtered(availabilityZoneFilter, fleet, requestFor({}, { availability_zone: 'az1' }))).toEqual({
    passed: [1, 3],
    says: 'No valid host was found: 1 of 3 hosts is not in availability zone az1.',
  })
})

test('a zone that no host is in rejects them all', () => {
  expect(filtered(availabilityZoneFilter, fleet, requestFor({}, { availability_zone: 'moon' }))).toEqual({
    passed: [],
    says: 'No valid host was found: 3 of 3 hosts are not in availability zone moon.',
  })
})

test('a request without a zone passes everywhere', () => {
  expect(filtered(availabilityZoneFilter, fleet, requestFor()).passed).toEqual([1, 2, 3])
})

test('a host that moves to another zone is found there only', () => {
  const moving = fleetOf({ availability_zone: 'az1' })
  moving.put('cell1', { ...moving.host(0).row, availability_zone: 'az2' }, 0)
  const passed = (zone: string) =>
    filtered(availabilityZoneFilter, moving, requestFor({}, { availability_zone: zone })).passed
  expect(passed('az1')).toEqual([])
  expect(passed('az2')).toEqual([1])
})
