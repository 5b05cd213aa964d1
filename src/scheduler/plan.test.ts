import { describe, expect, test } from 'bun:test'
import { fleetOf, idleHost, policyOf, requestFor } from '../../test/support/fleet.ts'
import type { PlanRequest } from '../contracts/index.ts'
import { explain, sentence } from './explanation.ts'
import { enabledFilters } from './filters/index.ts'
import { createFleet } from './fleet.ts'
import { plan } from './plan.ts'
import type { Snapshot } from './snapshot.ts'
import { chooseWeighers } from './weighers/index.ts'

const ALL = ['AvailabilityZoneFilter', 'ComputeFilter', 'CoreFilter', 'RamFilter', 'DiskFilter']
const policy = policyOf({
  filters: enabledFilters(ALL),
  weighers: chooseWeighers({ ram_weight_multiplier: 1, cpu_weight_multiplier: 1, disk_weight_multiplier: 1 }),
})

const ids = (snapshot: Snapshot, request: PlanRequest, changes: Partial<typeof policy> = {}) =>
  plan({ ...policy, ...changes }, snapshot, request).candidates.map(({ host }) => host.row.id)

const fault = (snapshot: Snapshot, request: PlanRequest) => sentence(explain(plan(policy, snapshot, request)))

describe('an explanation', () => {
  test('counts each host at the first filter it failed, the filter that took most first', () => {
    const fleet = fleetOf(
      { disabled: true, memory_mb_used: 8_000 },
      { memory_mb_used: 5_181 },
      { memory_mb_used: 6_000 },
      { disabled: true },
      { memory_mb_used: 7_000, disk_gb_used: 100 },
    )
    expect(fault(fleet, requestFor({ memory_mb: 8_192 }))).toBe(
      'No valid host was found: 3 of 5 hosts lack 8192 MB RAM (best has 3011 MB free), 2 of 5 are disabled.',
    )
  })

  test('says so when there are no hosts', () => {
    expect(fault(fleetOf(), requestFor())).toBe('No valid host was found: there are no compute hosts.')
  })

  test('speaks of one host in the singular', () => {
    expect(fault(fleetOf({ disabled: true }), requestFor())).toBe('No valid host was found: 1 of 1 host is disabled.')
  })

  test('comes with a plan that found hosts too, and names no host', () => {
    const made = plan(policy, fleetOf({}, { disabled: true }), requestFor())
    expect(made.candidates).toHaveLength(1)
    expect(explain(made)).toEqual({
      hosts: 2,
      rejections: [{ filter: 'ComputeFilter', hosts: 1, says: '1 of 2 hosts is disabled' }],
    })
  })
})

describe('a plan', () => {
  test('has the best host first and as many alternates as are asked for', () => {
    const fleet = fleetOf({ memory_mb: 1_000 }, { memory_mb: 3_000 }, { memory_mb: 2_000 }, { memory_mb: 500 })
    expect(ids(fleet, requestFor({}, { count: 3 }))).toEqual([2, 3, 1])
    expect(ids(fleet, requestFor({}, { count: 1 }))).toEqual([2])
  })

  test('carries the share of each weigher, which add up to the weight', () => {
    const [best] = plan(policy, fleetOf({ memory_mb: 4_096 }, { vcpus_capacity: 16 }), requestFor()).candidates
    expect(best).toMatchObject({ weight: 3, shares: [1, 1, 1] })
  })

  test('leaves the snapshot as it was', () => {
    const fleet = fleetOf({}, {}, {})
    const first = plan(policy, fleet, requestFor())
    expect(plan(policy, fleet, requestFor())).toEqual(first)
  })

  test('leaves out hosts that were tried before', () => {
    const fleet = fleetOf({}, {}, {})
    expect(ids(fleet, requestFor({}, { ignore_hosts: ['host-1', 'host-3', 'gone'] }))).toEqual([2])
    expect(fault(fleet, requestFor({}, { ignore_hosts: ['host-1', 'host-2', 'host-3'] }))).toBe(
      'No valid host was found: 3 of 3 hosts were tried before.',
    )
    expect(ids(fleet, requestFor())).toEqual([1, 2, 3])
  })

  test('for a forced host or node asks no filter', () => {
    const fleet = fleetOf({}, { disabled: true, memory_mb_used: 8_192 })
    const huge = { vcpus: 1_000 }
    expect(ids(fleet, requestFor(huge, { force_host: 'host-2' }))).toEqual([2])
    expect(ids(fleet, requestFor(huge, { force_node: 'node-2' }))).toEqual([2])
    expect(ids(fleet, requestFor(huge, { force_host: 'host-1', force_node: 'node-2' }))).toEqual([])
    expect(fault(fleet, requestFor({}, { force_host: 'nobody' }))).toBe(
      'No valid host was found: 2 of 2 hosts are not the one asked for.',
    )
  })

  test('for a requested host or node asks every filter', () => {
    const fleet = fleetOf({}, { disabled: true }, {})
    expect(ids(fleet, requestFor({}, { requested_host: 'host-1' }))).toEqual([1])
    expect(ids(fleet, requestFor({}, { requested_node: 'node-3' }))).toEqual([3])
    expect(ids(fleet, requestFor({}, { requested_host: 'host-2' }))).toEqual([])
  })

  test('takes alternates from the cell of the winner only', () => {
    const fleet = createFleet({ service_down_time: 60 })
    for (let id = 1; id <= 40; id++) {
      fleet.put(id % 4 === 0 ? 'cell2' : 'cell1', idleHost(id, { memory_mb: 10_000 + (id === 20 ? 1 : 0) }), 0)
    }
    expect(ids(fleet, requestFor({}, { count: 3 }))).toEqual([20, 4, 8])
  })

  test('are of the cell that a request names, a host that an admin forces too', () => {
    const fleet = createFleet({ service_down_time: 60 })
    for (const [id, cell] of [[1, 'cell1'], [2, 'cell2'], [3, 'cell2']] as const) fleet.put(cell, idleHost(id), 0)
    expect(ids(fleet, requestFor({}, { count: 3, cell_id: 'cell2' }))).toEqual([2, 3])
    const { candidates, rejections } = plan(policy, fleet, requestFor({}, { cell_id: 'cell2', force_host: 'host-1' }))
    expect(candidates).toEqual([])
    expect(rejections.map(({ filter, hosts }) => [filter, hosts])).toEqual([
      ['cell', 1],
      ['force_hosts', 2],
    ])
  })
})

describe('chance', () => {
  const equals = fleetOf(...Array.from({ length: 20 }, () => ({})))
  const winners = (changes: Partial<typeof policy>) =>
    new Set(Array.from({ length: 200 }, (_, seed) => ids(equals, requestFor({}, { seed }), changes)[0]))

  test('has no part in a plan unless an operator wants it', () => {
    expect(winners({})).toEqual(new Set([1]))
  })

  test('draws the winner from the best host_subset_size, and keeps the others in order', () => {
    expect(winners({ host_subset_size: 3 })).toEqual(new Set([1, 2, 3]))
    const order = ids(equals, requestFor({}, { seed: 4, count: 5 }), { host_subset_size: 3 })
    expect(order.slice(1)).toEqual([1, 2, 3, 4, 5].filter((id) => id !== order[0]).slice(0, 4))
  })

  test('shuffles only the hosts that share the highest weight', () => {
    const fleet = fleetOf({ memory_mb: 100 }, {}, {}, {}, { memory_mb: 50 })
    const orders = Array.from({ length: 100 }, (_, seed) =>
      ids(fleet, requestFor({}, { seed, count: 5 }), { shuffle_best_same_weighed_hosts: true }),
    )
    expect(new Set(orders.map((order) => order.slice(0, 3).join())).size).toBe(6)
    expect(new Set(orders.map((order) => order.slice(3).join()))).toEqual(new Set(['1,5']))
  })

  test('is decided by the seed', () => {
    const request = requestFor({}, { seed: 11, count: 20 })
    const shuffled = { shuffle_best_same_weighed_hosts: true, host_subset_size: 5 }
    expect(ids(equals, request, shuffled)).toEqual(ids(equals, request, shuffled))
    expect(ids(equals, request, shuffled)).not.toEqual(ids(equals, { ...request, seed: 12 }, shuffled))
  })
})
