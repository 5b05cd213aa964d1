import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { ramFilter } from './ram.ts'

test('a host passes up to the last megabyte it has to claim, and the nearest of the others is named', () => {
  const fleet = fleetOf({}, { memory_mb_used: 1 }, { memory_mb_used: 5_181 }, { memory_mb_used: 8_192 })
  expect(filtered(ramFilter, fleet, requestFor({ memory_mb: 8_192 }))).toEqual({
    passed: [1],
    says: 'No valid host was found: 3 of 4 hosts lack 8192 MB RAM (best has 8191 MB free).',
  })
})

test('the allocation ratio is in the capacity: more than the machine has may be claimed', () => {
  const fleet = fleetOf({ memory_mb: 8_192, memory_mb_capacity: 12_288, memory_mb_used: 8_192 })
  expect(filtered(ramFilter, fleet, requestFor({ memory_mb: 4_096 })).passed).toEqual([1])
})
