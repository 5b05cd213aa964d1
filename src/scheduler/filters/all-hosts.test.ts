import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { allHostsFilter } from './all-hosts.ts'

test('every host passes, whatever its state', () => {
  const fleet = fleetOf({}, { disabled: true, forced_down: true, vcpus_capacity: 0 })
  expect(filtered(allHostsFilter, fleet, requestFor()).passed).toEqual([1, 2])
})
