import { describe, expect, test } from 'bun:test'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import type { PlanGroup } from '../../contracts/index.ts'
import { serverGroupAffinityFilter, serverGroupAntiAffinityFilter } from './server-group.ts'

const fleet = fleetOf({}, {}, {})
const on = (...hosts: [id: number, servers: number][]) =>
  hosts.map(([id, servers]) => ({ host: `host-${id}`, servers }))
const requestIn = (policy: PlanGroup['policy'], members: PlanGroup['members'], max_server_per_host = 1) =>
  requestFor({}, { group: { policy, max_server_per_host, members } })

describe('ServerGroupAntiAffinityFilter', () => {
  const passed = (...args: Parameters<typeof requestIn>) => filtered(serverGroupAntiAffinityFilter, fleet, requestIn(...args))

  test('takes hosts that have a member, with a rule those that have as many as it allows', () => {
    expect(passed('anti-affinity', on([1, 1], [3, 2]))).toEqual({
      passed: [2],
      says: 'No valid host was found: 2 of 3 hosts have a server of the group already.',
    })
    expect(passed('anti-affinity', on([1, 1], [3, 2]), 2)).toEqual({
      passed: [1, 2],
      says: 'No valid host was found: 1 of 3 hosts has 2 servers of the group already.',
    })
  })

  test('has no say without members, without a group, or for another policy', () => {
    expect(passed('anti-affinity', []).passed).toEqual([1, 2, 3])
    expect(passed('soft-anti-affinity', on([1, 1])).passed).toEqual([1, 2, 3])
    expect(filtered(serverGroupAntiAffinityFilter, fleet, requestFor()).passed).toEqual([1, 2, 3])
  })
})

describe('ServerGroupAffinityFilter', () => {
  const passed = (...args: Parameters<typeof requestIn>) => filtered(serverGroupAffinityFilter, fleet, requestIn(...args))

  test('leaves the hosts that have a member', () => {
    expect(passed('affinity', on([2, 5]))).toEqual({
      passed: [2],
      says: 'No valid host was found: 2 of 3 hosts have no server of the group.',
    })
  })

  test('has no say for the first member, without a group, or for another policy', () => {
    expect(passed('affinity', []).passed).toEqual([1, 2, 3])
    expect(passed('soft-affinity', on([1, 1])).passed).toEqual([1, 2, 3])
    expect(filtered(serverGroupAffinityFilter, fleet, requestFor()).passed).toEqual([1, 2, 3])
  })
})
