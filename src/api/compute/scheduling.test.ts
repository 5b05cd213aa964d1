import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { reportInventory, reportServices } from '../../cells/index.ts'
import type { Decision } from '../../contracts/index.ts'
import { type ComputeApi, IMAGE, type Person, startComputeApi } from '../../../test/support/compute-api.ts'

const HOSTS = ['cmp-secret-1', 'cmp-secret-2', 'cmp-secret-3']
const WANTED = { name: 'web', flavorRef: '42', imageRef: IMAGE.id }

const candidate = (host: string) => ({
  cell_id: 'cell1',
  host_id: 1,
  host,
  node: `${host}.example`,
  weight: 1.5,
  weights: { RAMWeigher: 1, CPUWeigher: 0.5 },
})

const DECISION: Decision = {
  hosts: 5,
  rejections: [
    {
      filter: 'RamFilter',
      hosts: 3,
      says: '3 of 5 hosts lack 8192 MB RAM (best has 3011 MB free)',
      shortfall: { quantity: 'claimable_memory_mb', asked: 8192, nearest: 3011 },
    },
  ],
  decided_at: '2026-01-02T03:04:05.678Z',
  chosen: candidate('cmp-secret-1'),
  alternates: [candidate('cmp-secret-2')],
  attempts: [{ host: 'cmp-secret-3', node: 'cmp-secret-3.example', reason: 'It had no room left when it was claimed.' }],
}

let api: ComputeApi
beforeAll(async () => {
  api = await startComputeApi({ instances: -1, cores: -1, ram: -1 })
  const cell = api.cells.get('cell1')
  await reportServices(cell, 'nova-compute', HOSTS, new Date())
  for (const [index, host] of HOSTS.entries()) {
    await reportInventory(cell, host, {
      hypervisor_hostname: `${host}.example`,
      node_id: `d0f6b2f0-93d4-4a4c-9d4e-0d4f0c8a4a1${index}`,
      host_ip: '127.0.0.1',
      hypervisor_type: 'QEMU',
      hypervisor_version: 7_002_000,
      vcpus: 4,
      memory_mb: 1_024,
      local_gb: 100,
      reserved_vcpus: 0,
      reserved_memory_mb: 0,
      reserved_disk_gb: 0,
      cpu_allocation_ratio: 1,
      ram_allocation_ratio: 1,
      disk_allocation_ratio: 1,
      cpu_info: { arch: 'x86_64' },
      supported_instances: [['x86_64', 'qemu', 'hvm']],
    })
  }
})
afterAll(() => api.stop())

describe('GET /servers/{id}/os-scheduling', () => {
  const shown = (id: string, as: Person) => api.ask('GET', `/servers/${id}/os-scheduling`, { as })

  test('tells a tenant numbers and reasons, and no host', async () => {
    const { id } = await api.addServer({ explanation: DECISION, host: 'cmp-secret-1' })
    const { status, body } = await shown(id, 'reader')
    expect(status).toBe(200)
    expect(body).toEqual({
      scheduling: {
        server_id: id,
        state: 'placed',
        decided_at: DECISION.decided_at,
        hosts: 5,
        rejections: [
          {
            filter: 'RamFilter',
            hosts: 3,
            reason: '3 of 5 hosts lack 8192 MB RAM (best has 3011 MB free)',
            shortfall: { quantity: 'claimable_memory_mb', asked: 8192, nearest: 3011 },
          },
        ],
        attempts: [{ reason: 'It had no room left when it was claimed.' }],
        alternates: 1,
      },
    })
    expect(JSON.stringify(body)).not.toContain('secret')
  })

  test('tells an admin the hosts and the share of each weigher', async () => {
    const { id } = await api.addServer({ explanation: DECISION })
    const { scheduling } = (await shown(id, 'admin')).body
    expect(scheduling.chosen).toEqual({
      cell: 'cell1',
      host: 'cmp-secret-1',
      node: 'cmp-secret-1.example',
      weight: 1.5,
      weights: { RAMWeigher: 1, CPUWeigher: 0.5 },
    })
    expect(scheduling.alternates.map(({ host }: { host: string }) => host)).toEqual(['cmp-secret-2'])
    expect(scheduling.attempts[0].host).toBe('cmp-secret-3')
  })

  test('is failed without a host, pending before the decision, unknown where none was written down, moved elsewhere', async () => {
    const moved = await api.addServer({ explanation: DECISION, host: 'cmp-secret-2' })
    const failed = await api.addServer({ explanation: { ...DECISION, chosen: null, alternates: [] } })
    const older = await api.addServer({ explanation: { hosts: 1 } })
    const { body } = await api.ask('POST', '/servers', { body: { server: WANTED } })
    const states = [failed.id, older.id, body.server.id, moved.id].map(async (id) => (await shown(id, 'member')).body.scheduling.state)
    expect(await Promise.all(states)).toEqual(['failed', 'unknown', 'pending', 'moved'])
  })

  test("is not found for another project's server", async () => {
    const { id } = await api.addServer({ explanation: DECISION })
    expect((await shown(id, 'stranger')).status).toBe(404)
  })
})

describe('POST /os-scheduling/what-if', () => {
  const whatIf = (server: object, { as = 'admin', ...rest }: { as?: Person; assume?: object; hints?: object } = {}) =>
    api.ask('POST', '/os-scheduling/what-if', {
      as,
      body: {
        server: { ...WANTED, ...server },
        ...(rest.assume ? { assume: rest.assume } : {}),
        ...(rest.hints ? { 'os:scheduler_hints': rest.hints } : {}),
      },
    })

  test('answers where servers would go, and how many more would fit', async () => {
    const { status, body } = await whatIf({ min_count: 2 })
    expect(status).toBe(200)
    const { placements, ...counts } = body.what_if
    // A flavor of one vCPU on three hosts with four.
    expect(counts).toMatchObject({ servers: 2, hosts: 3, placed: 2, more: 10, more_is_at_least: false })
    expect(counts.first).toEqual({ hosts: 3, rejections: [] })
    expect(counts.blocked_by.rejections).toEqual([
      {
        filter: 'CoreFilter',
        hosts: 3,
        reason: expect.stringMatching(/^3 of 3 hosts lack 1 vCPU/),
        shortfall: { quantity: 'claimable_vcpus', asked: 1, nearest: 0 },
      },
    ])
    expect(new Set(placements.map(({ host }: { host: string }) => host)).size).toBe(2)
  })

  test('writes nothing, and does not count against the hosts', async () => {
    const rows = async () => {
      const [global] = await api.databases.global.sql`
        select (select count(*) from server_mappings) as servers, (select count(*) from tasks) as tasks,
          (select sum(instances) from quota_usages) as used`
      const [cell] = await api.cells.get('cell1').sql`
        select (select count(*) from servers) as servers, (select count(*) from claims) as claims,
          (select sum(vcpus_used) from hosts) as used`
      return { global, cell }
    }
    const before = await rows()
    const [first, second] = [(await whatIf({ min_count: 5 })).body, (await whatIf({ min_count: 5 })).body]
    expect(await rows()).toEqual(before)
    expect(second).toEqual(first)
  })

  test('answers for hosts that are down, disabled or added', async () => {
    const room = async (assume: object) => {
      const { what_if } = (await whatIf({}, { assume })).body
      return [what_if.hosts, what_if.placed + what_if.more]
    }
    expect(await room({ down: [HOSTS[0]] })).toEqual([3, 8])
    expect(await room({ down: [HOSTS[0]], disabled: [HOSTS[1]] })).toEqual([3, 4])
    expect(await room({ added: [{ like: HOSTS[0], count: 2 }] })).toEqual([5, 20])
    expect(await room({ added: [{ vcpus: 8, memory_mb: 4_096, local_gb: 50, cpu_allocation_ratio: 2 }] })).toEqual([4, 28])
  })

  test('says what blocks when nothing fits', async () => {
    const { what_if } = (await whatIf({}, { assume: { down: HOSTS } })).body
    expect(what_if).toMatchObject({ placed: 0, more: 0, more_is_at_least: false })
    expect(what_if.blocked_by.rejections).toEqual([{ filter: 'ComputeFilter', hosts: 3, reason: '3 of 3 hosts are down' }])
  })

  test('tells a tenant numbers only, and leaves assumptions to admins', async () => {
    const { status, body } = await whatIf({}, { as: 'member' })
    expect(status).toBe(200)
    expect(body.what_if).not.toHaveProperty('placements')
    expect(JSON.stringify(body)).not.toContain('secret')
    expect((await whatIf({}, { as: 'member', assume: { down: [] } })).status).toBe(403)
    expect((await whatIf({}, { as: 'reader' })).status).toBe(403)
  })

  test.each([
    ['a host to be down that there is not', { assume: { down: ['nowhere'] } }, /assumption down.*nowhere/],
    ['a host to be disabled that there is not', { assume: { disabled: ['nowhere'] } }, /assumption disabled.*nowhere/],
    ['an added host without a size', { assume: { added: [{ vcpus: 1 }] } }, /added\/0\/memory_mb/],
    ['a model that there is not', { assume: { added: [{ like: 'nowhere' }] } }, /added\/0\/like/],
    ['an added host of a name that is taken', { assume: { added: [{ like: HOSTS[0], name: HOSTS[1] }] } }, /added\/0\/name/],
    ['more hosts than may be added', { assume: { added: [{ like: HOSTS[0], count: 10_000 }, { like: HOSTS[0] }] } }, /at most 10000 hosts/],
    ['an unknown assumption', { assume: { broken: [] } }, /broken/],
    ['a hint that is no JSON', { hints: { query: '[' } }, /query/],
  ])('refuses %s, and names the field', async (_what, rest, message) => {
    const { status, body } = await whatIf({}, rest)
    expect([status, body.badRequest?.message]).toEqual([400, expect.stringMatching(message)])
  })

  test('refuses more servers than it would name, and an unknown flavor', async () => {
    expect((await whatIf({ min_count: 1_001 })).body.badRequest.message).toContain('max_count')
    expect((await whatIf({ flavorRef: 'none' })).body.badRequest.message).toBe('Flavor none could not be found.')
  })
})
