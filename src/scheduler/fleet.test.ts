import { expect, test } from 'bun:test'
import { fleetOf, idleHost, policyOf, requestFor } from '../../test/support/fleet.ts'
import type { Condition } from './filters/filter.ts'
import { enabledFilters } from './filters/index.ts'
import { createFleet, NOTHING } from './fleet.ts'
import { QUANTITY_COLUMNS } from './host.ts'
import { plan } from './plan.ts'

const zoned = policyOf({ filters: enabledFilters(['AvailabilityZoneFilter']) })
const inZone = (fleet: ReturnType<typeof createFleet>, availability_zone: string) =>
  plan(zoned, fleet, requestFor({}, { availability_zone, count: 64 })).candidates.map(({ host }) => host.row.id)

test('a new host takes the lowest slot that is free', () => {
  const fleet = fleetOf({}, {}, {})
  fleet.remove('cell1', 3)
  fleet.remove('cell1', 1)
  fleet.put('cell1', idleHost(7), 0)
  fleet.put('cell1', idleHost(8), 0)
  expect([fleet.slotOf('cell1', 7), fleet.slotOf('cell1', 8), fleet.size]).toEqual([0, 2, 3])
})

test('hosts of two cells with the same id are two hosts', () => {
  const fleet = fleetOf({})
  fleet.put('cell2', idleHost(1, { host: 'other' }), 0)
  expect([fleet.size, fleet.cells]).toEqual([2, 2])
  fleet.remove('cell1', 1)
  expect([fleet.size, fleet.cells, fleet.host(1).row.host]).toEqual([1, 1, 'other'])
})

test('removing a host that is not known changes nothing', () => {
  const fleet = fleetOf({})
  fleet.remove('cell1', 2)
  fleet.remove('cell2', 1)
  expect(fleet.size).toBe(1)
})

test('memory grows with hosts and with facts, and keeps what was known', () => {
  const fleet = createFleet({ service_down_time: 60 })
  for (let id = 1; id <= 1_000; id++) {
    fleet.put('cell1', idleHost(id, { availability_zone: `zone-${id % 300}` }), 0)
    if (id === 10) fleet.take(3, { vcpus: 2, memory_mb: 0, disk_gb: 0, servers: 0 })
  }
  expect(inZone(fleet, 'zone-4')).toEqual([4, 304, 604, 904])
  expect(fleet.host(3).quantities[0]).toBe(6)
  expect(fleet.bytes / 1_000).toBeLessThan(200)
})

test('the bitmap of a fact that is true of no host any more is used again', () => {
  const fleet = fleetOf({})
  const before = fleet.bytes
  for (let move = 0; move < 1_000; move++) fleet.put('cell1', idleHost(1, { availability_zone: `zone-${move}` }), 0)
  expect(fleet.bytes).toBe(before)
  expect(inZone(fleet, 'zone-998')).toEqual([])
  expect(inZone(fleet, 'zone-999')).toEqual([1])
})

test('what was decided counts until it is taken back', () => {
  const fleet = fleetOf({ vcpus_used: 1 })
  fleet.take(0, { vcpus: 3, memory_mb: 100, disk_gb: 7, servers: 2 })
  const values = () => [...fleet.host(0).quantities]
  expect(values()).toEqual([4, 8_092, 93, 8_092, 93, 2, 2, 0, 7_002_000])
  fleet.put('cell1', idleHost(1), 0)
  expect(values()).toEqual([5, 8_092, 93, 8_092, 93, 2, 2, 0, 7_002_000])
  fleet.take(0, NOTHING)
  expect(values()).toEqual([8, 8_192, 100, 8_192, 100, 0, 0, 0, 7_002_000])
})

test('numbers beyond what a column holds are cut, not wrapped', () => {
  const fleet = fleetOf({ memory_mb_capacity: 2 ** 31 - 1 }, { memory_mb_capacity: 0, memory_mb_used: 2 ** 31 - 1 })
  const { claimable_memory_mb: column } = QUANTITY_COLUMNS
  expect([fleet.host(0).quantities[column], fleet.host(1).quantities[column]]).toEqual([
    2 ** 30 - 1,
    -(2 ** 30),
  ])
})

test('a host that was renamed is found by its new name only', () => {
  const fleet = fleetOf({}, {})
  fleet.put('cell1', idleHost(1, { host: 'renamed' }), 0)
  const forced = (force_host: string) => plan(policyOf(), fleet, requestFor({}, { force_host })).candidates.length
  expect([forced('renamed'), forced('host-1')]).toEqual([1, 0])
})

test('predicates that were not asked for longest make room, and all are true of hosts as they are now', () => {
  const fleet = fleetOf({}, {}, {})
  const least = (amount: number) => {
    const matches: Condition = {
      kind: 'matches',
      key: `vcpus ${amount}`,
      test: ({ row }) => row.vcpus >= amount,
      says: () => '',
    }
    const outcome = fleet.scan({ conditions: [matches], weighings: [], count: 3 })
    return Array.from({ length: outcome.ranked }, (_, place) => fleet.host(outcome.rankedSlot(place)).row.id)
  }
  for (let round = 0; round < 3; round++) {
    for (let amount = 1; amount <= 100; amount++) {
      fleet.put('cell1', idleHost(1 + (amount % 3), { vcpus: amount }), 0)
      const expected = [0, 1, 2].filter((slot) => fleet.host(slot).row.vcpus >= amount).map((slot) => slot + 1)
      expect(least(amount)).toEqual(expected)
      if (amount > 7) expect(least(7)).toEqual([0, 1, 2].filter((slot) => fleet.host(slot).row.vcpus >= 7).map((s) => s + 1))
    }
  }
})
