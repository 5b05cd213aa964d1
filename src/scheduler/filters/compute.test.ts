import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { computeFilter } from './compute.ts'

test('a disabled host and a host that is down are told apart; one that is both counts as disabled', () => {
  const fleet = fleetOf(
    {},
    { disabled: true },
    { forced_down: true },
    { disabled: true, forced_down: true },
    { last_seen_at: null },
    { last_seen_at: null },
  )
  expect(filtered(computeFilter, fleet, requestFor())).toEqual({
    passed: [1],
    says: 'No valid host was found: 3 of 6 hosts are down, 2 of 6 are disabled.',
  })
})

test('a host is up for service_down_time after its last heartbeat, and up again with the next', () => {
  const fleet = fleetOf({ last_seen_at: 1_000 })
  const passed = () => filtered(computeFilter, fleet, requestFor()).passed
  fleet.sweep(61_000)
  expect(passed()).toEqual([1])
  fleet.sweep(61_001)
  expect(passed()).toEqual([])
  fleet.put('cell1', { ...fleet.host(0).row, last_seen_at: 61_000 }, 61_001)
  expect(passed()).toEqual([1])
})
