import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { typeAffinityFilter } from './type-affinity.ts'

test('a host takes servers of one flavor, that of those it has', () => {
  const fleet = fleetOf({}, { flavors: [] }, { flavors: ['small'] }, { flavors: ['large'] }, { flavors: ['large', 'small'] })
  expect(filtered(typeAffinityFilter, fleet, requestFor({ id: 'small' })).passed).toEqual([1, 2, 3])
  expect(filtered(typeAffinityFilter, fleetOf({ flavors: ['large'] }), requestFor({ id: 'small' })).says).toBe(
    'No valid host was found: 1 of 1 host has servers of other flavors.',
  )
})
