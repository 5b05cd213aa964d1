import { expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { coreFilter } from './core.ts'

test('a host passes up to the last vCPU it has to claim', () => {
  const fleet = fleetOf({ vcpus_capacity: 16, vcpus_used: 12 }, { vcpus_capacity: 16, vcpus_used: 13 })
  expect(filtered(coreFilter, fleet, requestFor({ vcpus: 4 }))).toEqual({
    passed: [1],
    says: 'No valid host was found: 1 of 2 hosts lacks 4 vCPUs (best has 3 free).',
  })
})

test('a host whose capacity shrank below its claims has none free', () => {
  const fleet = fleetOf({ vcpus_capacity: 2, vcpus_used: 5 }, { vcpus_capacity: 4, vcpus_used: 5 })
  expect(filtered(coreFilter, fleet, requestFor()).says).toBe(
    'No valid host was found: 2 of 2 hosts lack 1 vCPU (best has 0 free).',
  )
})

test('an extra spec says what is claimed in place of the flavor’s own, here and by the claim', () => {
  const fleet = fleetOf({ vcpus_used: 6 }, {})
  const passed = (spec: string) =>
    filtered(coreFilter, fleet, requestFor({ vcpus: 4, extra_specs: { 'resources:VCPU': spec } })).passed
  expect([passed('2'), passed('0'), passed('8'), passed('many')]).toEqual([[1, 2], [1, 2], [2], [2]])
})
