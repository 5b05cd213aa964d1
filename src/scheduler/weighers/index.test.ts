import { expect, test } from 'bun:test'
import { fleetOf, policyOf, requestFor } from '../../../test/support/fleet.ts'
import type { HostRow } from '../../contracts/index.ts'
import { plan } from '../plan.ts'
import { chooseWeighers, type Multipliers } from './index.ts'

const NONE: Partial<Multipliers> = { ram_weight_multiplier: 0, cpu_weight_multiplier: 0, disk_weight_multiplier: 0 }

/** Ids and weights in the order of the plan. */
function weighed(multipliers: Partial<Multipliers>, ...hosts: Partial<HostRow>[]) {
  const policy = policyOf({
    weighers: chooseWeighers({ ...NONE, ...multipliers }),
  })
  const { candidates } = plan(policy, fleetOf(...hosts), requestFor({}, { count: 64 }))
  return candidates.map(({ host, weight }) => [host.row.id, weight])
}

test('free RAM is put on a scale from 0 to that of the host that has most', () => {
  expect(weighed({ ram_weight_multiplier: 1 }, { memory_mb: 2_048 }, { memory_mb: 4_096 })).toEqual([
    [2, 1],
    [1, 0.5],
  ])
})

test('free RAM is the machine’s own: less the reserve, whatever may be claimed of it, and never less than 0', () => {
  const overcommitted = { memory_mb: 1_024, memory_mb_capacity: 9_000, memory_mb_used: 2_000 }
  expect(
    weighed({ ram_weight_multiplier: 1 }, overcommitted, { memory_mb: 4_096, reserved_memory_mb: 96 }, {
      memory_mb: 4_096,
      memory_mb_used: 2_096,
    }),
  ).toEqual([
    [2, 1],
    [3, 0.5],
    [1, 0],
  ])
})

test('vCPUs are weighed with the allocation ratio', () => {
  const hosts = [
    { vcpus: 64, vcpus_capacity: 64 },
    { vcpus: 8, vcpus_capacity: 128, vcpus_used: 96 },
    { vcpus: 8, vcpus_capacity: 128 },
  ]
  expect(weighed({ cpu_weight_multiplier: 1 }, ...hosts)).toEqual([
    [3, 1],
    [1, 0.5],
    [2, 0.25],
  ])
})

test('free disk is the machine’s own, in whole gigabytes, less the reserve', () => {
  const hosts = [{ local_gb: 60, reserved_disk_gb: 10, disk_gb_used: 25 }, { local_gb: 40, disk_gb_capacity: 400 }]
  expect(weighed({ disk_weight_multiplier: 2 }, ...hosts)).toEqual([
    [2, 2],
    [1, 1.25],
  ])
})

test('a negative multiplier stacks, and the multiplied weights are added', () => {
  const hosts = [
    { memory_mb: 4_096, vcpus_capacity: 2 },
    { memory_mb: 1_024, vcpus_capacity: 4 },
  ]
  expect(weighed({ ram_weight_multiplier: -1 }, ...hosts)).toEqual([
    [2, -0.25],
    [1, -1],
  ])
  expect(weighed({ ram_weight_multiplier: 2, cpu_weight_multiplier: 1 }, ...hosts)).toEqual([
    [1, 2.5],
    [2, 1.5],
  ])
})

test('hosts that weigh the same keep the order of their slots', () => {
  expect(weighed({ ram_weight_multiplier: 1 }, {}, {}, { memory_mb: 9_000 }).map(([id]) => id)).toEqual([3, 1, 2])
  expect(weighed({ ram_weight_multiplier: 1 }, {}, {}, {})).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
  ])
})

test('a single host is not weighed, and hosts that have nothing weigh nothing', () => {
  expect(weighed({ ram_weight_multiplier: 1 }, {})).toEqual([[1, 0]])
  expect(weighed({ ram_weight_multiplier: 1 }, { memory_mb: 0 }, { memory_mb: 0 })).toEqual([
    [1, 0],
    [2, 0],
  ])
})

test.each([Number.NaN, Infinity, 1e10])('a multiplier of %p is refused by the name of its option', (multiplier) => {
  expect(() => chooseWeighers({ ...NONE, ram_weight_multiplier: multiplier })).toThrow(
    '[filter_scheduler] ram_weight_multiplier',
  )
})
