import { describe, expect, test } from 'bun:test'
import { fleetOf, policyOf, requestFor } from '../../test/support/fleet.ts'
import type { PlanRequest, WhatIfRequest } from '../contracts/index.ts'
import { enabledFilters } from './filters/index.ts'
import { plan } from './plan.ts'
import type { Fleet } from './fleet.ts'
import type { Plan } from './plan.ts'
import { chooseWeighers } from './weighers/index.ts'
import { whatIf } from './what-if.ts'

const policy = policyOf({
  filters: enabledFilters(['ComputeFilter', 'CoreFilter', 'RamFilter', 'DiskFilter']),
  weighers: chooseWeighers({ ram_weight_multiplier: 1, cpu_weight_multiplier: 0, disk_weight_multiplier: 0 } as never),
})

const render = (made: Plan) => ({
  candidates: made.candidates.map(({ host: { cell_id, row }, weight }) => ({
    cell_id,
    host_id: row.id,
    host: row.host,
    node: row.node,
    weight,
    weights: {},
  })),
  explanation: { hosts: made.hosts, rejections: made.rejections.map(({ filter, hosts }) => ({ filter, hosts, says: '' })) },
})

function ask(fleet: Fleet, changes: Partial<WhatIfRequest> = {}, decide = plan) {
  return whatIf(
    { request: { ...requestFor(), count: 1 }, servers: 1, assume: { down: [], disabled: [], added: [] }, ...changes },
    {
      hosts: fleet.hosts(),
      options: { service_down_time: 60 },
      now: 0,
      decide: (snapshot, request) => decide(policy, snapshot, request),
      render,
      signal: new AbortController().signal,
    },
  )
}

describe('a question', () => {
  test('gets the decisions that real servers would get, one after the other', async () => {
    const fleet = fleetOf({}, {}, { memory_mb: 4_096, memory_mb_capacity: 4_096 })
    const { placed } = await ask(fleet, { servers: 5 })
    const real: string[] = []
    for (let number = 0; number < 5; number++) {
      const [winner] = plan(policy, fleet, requestFor()).candidates
      real.push(winner!.host.row.host)
      const { slot, taken } = winner!.host
      fleet.take(slot, { ...taken, vcpus: taken.vcpus + 1, memory_mb: taken.memory_mb + 512, disk_gb: taken.disk_gb + 1, servers: 0 })
    }
    expect(placed.map(({ host }) => host)).toEqual(real)
  })

  test('leaves the hosts as they are, and counts what was decided and is not claimed yet', async () => {
    const fleet = fleetOf({})
    fleet.take(0, { vcpus: 3, memory_mb: 0, disk_gb: 0, servers: 3 })
    const before = fleet.hosts().map(({ row, taken }) => ({ row, taken }))
    const { placed, more } = await ask(fleet)
    expect(placed.length + more.servers).toBe(5)
    expect(fleet.hosts().map(({ row, taken }) => ({ row, taken }))).toEqual(before)
  })

  test('ends its count somewhere, and says so', async () => {
    const roomy = { vcpus_capacity: 1e6, memory_mb_capacity: 1e9, disk_gb_capacity: 1e6 }
    const { placed, more, blocked } = await ask(fleetOf(roomy))
    expect([placed.length, more, blocked]).toEqual([1, { servers: 10_000, at_least: true }, null])
  })

  test('of an empty cloud is answered', async () => {
    expect(await ask(fleetOf())).toEqual({
      hosts: 0,
      placed: [],
      more: { servers: 0, at_least: false },
      first: { hosts: 0, rejections: [] },
      blocked: { hosts: 0, rejections: [] },
    })
  })

  test('counts each server into the group for the next one', async () => {
    const seen: PlanRequest['group'][] = []
    const group = { policy: 'anti-affinity' as const, max_server_per_host: 1, members: [{ host: 'host-2', servers: 1 }] }
    await ask(fleetOf({}, {}), { request: { ...requestFor(), count: 1, group }, servers: 2 }, (given, snapshot, request) => {
      if (seen.length < 3) seen.push(request.group)
      return plan(given, snapshot, request)
    })
    expect(seen.map((each) => each!.members.map(({ host, servers }) => `${host} ${servers}`).toSorted())).toEqual([
      ['host-2 1'],
      ['host-1 1', 'host-2 1'],
      ['host-1 1', 'host-2 2'],
    ])
  })

  test('lets others run while it is thought about', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await ask(fleetOf(...Array.from({ length: 50 }, () => ({ vcpus_capacity: 1e6, memory_mb_capacity: 1e9, disk_gb_capacity: 1e6 }))))
    clearInterval(timer)
    expect(turns).toBeGreaterThan(1)
  })
})
