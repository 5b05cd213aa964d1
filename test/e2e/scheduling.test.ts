import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type ApiClient, apiClient } from '../support/api-client.ts'
import { type CloudProcess, startCloudProcess } from '../support/cloud-process.ts'
import { eventually } from '../support/eventually.ts'

const HOSTS = 20
const CONFIG = `[DEFAULT]
host = rack
my_ip = 192.0.2.7
[quota]
instances = -1
cores = -1
ram = -1
server_group_members = -1
[filter_scheduler]
enabled_filters = AvailabilityZoneFilter, ComputeFilter, CoreFilter, RamFilter, DiskFilter, DifferentHostFilter, SameHostFilter, SimpleCIDRAffinityFilter, JsonFilter, ServerGroupAntiAffinityFilter, ServerGroupAffinityFilter
`

interface Shown {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly 'OS-EXT-SRV-ATTR:host': string | null
  readonly fault?: { readonly message: string }
}

let cloud: CloudProcess
let admin: ApiClient
let image: string
let flavor: string

beforeAll(async () => {
  cloud = await startCloudProcess({ args: ['--compute-driver', 'fake', '--fake-hosts', String(HOSTS)], config: CONFIG })
  admin = await apiClient(cloud)
  ;({ image, flavor } = await admin.prepare())
}, 120_000)
afterAll(() => cloud?.remove(), 60_000)

const V = { 'openstack-api-version': 'compute 2.96' }

interface Wish {
  readonly hints?: object
  readonly server?: object
}

async function ask({ hints, server }: Wish) {
  const body = {
    server: { name: 'x', imageRef: image, flavorRef: flavor, networks: 'none', return_reservation_id: true, ...server },
    ...(hints ? { 'os:scheduler_hints': hints } : {}),
  }
  const answer = await admin.request('POST', '/compute/v2.1/servers', { body, headers: V })
  return { status: answer.status, body: (await answer.json()) as any }
}

/** Makes servers and waits until each has come to its end, good or bad. */
async function settled(wish: Wish): Promise<Shown[]> {
  const { status, body } = await ask(wish)
  expect([status, body]).toEqual([202, { reservation_id: expect.any(String) }])
  let servers: Shown[] = []
  await eventually(async () => {
    const query = `reservation_id=${body.reservation_id}`
    servers = (await admin.get<{ servers: Shown[] }>(`/compute/v2.1/servers/detail?${query}`)).servers
    expect(servers.filter(({ status }) => status === 'BUILD')).toEqual([])
    expect(servers.length).toBeGreaterThan(0)
  }, 60)
  return servers
}

const hostOf = (server: Shown): string | null => server['OS-EXT-SRV-ATTR:host']

/** The host of the one server that was asked for. */
async function host(wish: Wish): Promise<string | null> {
  const [server] = await settled(wish)
  expect([server!.status, server!.fault?.message]).toEqual(['ACTIVE', undefined])
  return hostOf(server!)
}

async function refusal(wish: Wish): Promise<string> {
  const [server] = await settled(wish)
  expect(server!.status).toBe('ERROR')
  return server!.fault!.message
}

async function group(policy: string, rules?: object): Promise<string> {
  const server_group = { name: policy, policy, ...(rules ? { rules } : {}) }
  const answer = await admin.request('POST', '/compute/v2.1/os-server-groups', { body: { server_group }, headers: V })
  return ((await answer.json()) as { server_group: { id: string } }).server_group.id
}

const service = (host: string, change: object) =>
  admin.request('PUT', '/compute/v2.1/os-services/disable', { body: { host, binary: 'nova-compute', ...change } })

const perHost = (servers: readonly Shown[]): number[] =>
  [...Map.groupBy(servers, hostOf).values()].map(({ length }) => length).sort((a, b) => a - b)

describe('hints', () => {
  test('same_host and different_host keep servers together and apart', async () => {
    const [first] = await settled({})
    expect(await host({ hints: { same_host: first!.id } })).toBe(hostOf(first!))
    expect(await host({ hints: { same_host: [first!.id] } })).toBe(hostOf(first!))
    expect(await host({ hints: { different_host: [first!.id] } })).not.toBe(hostOf(first!))
    expect(await refusal({ hints: { same_host: crypto.randomUUID() } })).toBe(
      'No valid host was found: 20 of 20 hosts have no server of the hint same_host.',
    )
  })

  test('query chooses by what hosts are', async () => {
    expect(await host({ hints: { query: '["=","$host","rack-13"]' } })).toBe('rack-13')
    expect(await host({ hints: { query: '["and",["in","$host","rack-4","rack-5"],["=","$host","rack-5"]]' } })).toBe('rack-5')
    expect(await refusal({ hints: { query: '[">","$vcpus_total",100000]' } })).toMatch(/20 of 20 hosts/)
  })

  test('build_near_host_ip and cidr choose by address', async () => {
    expect(await host({ hints: { build_near_host_ip: '192.0.2.200' } })).toStartWith('rack')
    expect(await refusal({ hints: { build_near_host_ip: '192.0.2.200', cidr: '/30' } })).toMatch(/20 of 20 hosts/)
  })

  test.each([
    ['query', { query: '["=",' }],
    ['query', { query: '["xor",1,2]' }],
    ['query', { query: `[${'['.repeat(3_000)}` }],
    ['different_host', { different_host: 'no-id' }],
    ['same_host', { same_host: [1] }],
    ['same_host', { same_host: Array.from({ length: 1_001 }, () => crypto.randomUUID()) }],
    ['build_near_host_ip', { build_near_host_ip: 'nowhere' }],
    ['cidr', { build_near_host_ip: '192.0.2.1', cidr: '/99' }],
    ['group', { group: 'no-id' }],
    ['Instance group', { group: crypto.randomUUID() }],
  ])('a bad %s is refused by name: %j', async (field, hints) => {
    const { status, body } = await ask({ hints })
    expect([status, body.badRequest?.message]).toEqual([400, expect.stringContaining(field)])
  })
})

describe('a server group', () => {
  test('of anti-affinity gives each server a host of its own, also when they are asked for at once', async () => {
    const servers = await settled({ hints: { group: await group('anti-affinity') }, server: { min_count: HOSTS + 1 } })
    const placed = servers.filter(({ status }) => status === 'ACTIVE')
    expect(placed.length).toBe(HOSTS)
    expect(perHost(placed)).toEqual(placed.map(() => 1))
    expect(servers.find(({ status }) => status === 'ERROR')?.fault?.message).toBe(
      'No valid host was found: 20 of 20 hosts have a server of the group already.',
    )
  }, 90_000)

  test('of anti-affinity with a rule lets so many share a host', async () => {
    const id = await group('anti-affinity', { max_server_per_host: 2 })
    const servers = await settled({ hints: { group: id }, server: { min_count: 30 } })
    expect(servers.filter(({ status }) => status !== 'ACTIVE')).toEqual([])
    expect(perHost(servers).at(-1)).toBeLessThanOrEqual(2)
  }, 90_000)

  test('of affinity keeps all on the host of the first', async () => {
    const id = await group('affinity')
    const servers = await settled({ hints: { group: id }, server: { min_count: 8 } })
    expect(perHost(servers)).toEqual([8])
    expect(await host({ hints: { group: id } })).toBe(hostOf(servers[0]!))
  })
})

describe('a host that is named', () => {
  test('in the zone is taken past the filters', async () => {
    await service('rack-7', {})
    expect(await host({ server: { availability_zone: 'nova:rack-7' } })).toBe('rack-7')
    expect(await host({ server: { availability_zone: 'nova:rack-7:rack-7' } })).toBe('rack-7')
    expect(await host({ server: { availability_zone: 'nova::rack-7' } })).toBe('rack-7')
  })

  test('as destination has to pass them', async () => {
    expect(await refusal({ server: { host: 'rack-7' } })).toBe(
      'No valid host was found: 19 of 20 hosts are not the one asked for, 1 of 20 is disabled.',
    )
    await admin.request('PUT', '/compute/v2.1/os-services/enable', { body: { host: 'rack-7', binary: 'nova-compute' } })
    await eventually(async () => expect(await host({ server: { host: 'rack-7' } })).toBe('rack-7'))
    expect(await host({ server: { hypervisor_hostname: 'rack-9' } })).toBe('rack-9')
    expect(await host({ server: { host: 'rack-9', hypervisor_hostname: 'rack-9' } })).toBe('rack-9')
  })

  test('must be one that there is', async () => {
    for (const server of [
      { availability_zone: 'nova:nowhere' },
      { availability_zone: 'nova::nowhere' },
      { host: 'nowhere' },
      { hypervisor_hostname: 'nowhere' },
    ]) {
      const { status, body } = await ask({ server })
      expect([status, body.badRequest?.message]).toEqual([400, 'Compute host nowhere could not be found.'])
    }
    expect((await ask({ server: { availability_zone: 'a:b:c:d' } })).body.badRequest.message).toContain('availability_zone')
    const both = await ask({ server: { availability_zone: 'nova:rack-1', host: 'rack-1' } })
    expect([both.status, both.body.badRequest?.message]).toEqual([400, expect.stringContaining('availability_zone')])
  })
})

describe('a request for many', () => {
  test('is spread over hosts that are alike', async () => {
    const before = await Promise.all((await admin.get<any>('/compute/v2.1/servers?limit=1000')).servers.map(({ id }: Shown) => admin.delete(`/compute/v2.1/servers/${id}`)))
    expect(before.length).toBeGreaterThan(0)
    await eventually(async () => expect((await admin.get<any>('/compute/v2.1/servers')).servers).toEqual([]), 60)
    const servers = await settled({ server: { min_count: 100 } })
    expect(perHost(servers)).toEqual(Array.from({ length: HOSTS }, () => 5))
  }, 120_000)

  test('for more than a request may have is refused', async () => {
    expect((await ask({ server: { min_count: 1_001 } })).status).toBe(400)
    expect((await ask({ server: { min_count: 3, max_count: 2 } })).body.badRequest.message).toContain('min_count')
  })
})

describe('metrics', () => {
  const scrape = (headers: Record<string, string>) => fetch(`${cloud.url}/metrics`, { headers })

  test('tell admins of decisions, of the lag behind each cell, of requests, tasks and the bus', async () => {
    const answer = await scrape({ 'x-auth-token': admin.token })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    const text = await answer.text()
    const value = (series: string) => Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.split(' ').at(-1))
    expect(value('bunova_scheduler_hosts')).toBe(HOSTS)
    expect(value('bunova_scheduler_lag_seconds{cell="cell1"}')).toBeLessThan(60)
    expect(value('bunova_scheduler_decisions_total{result="placed"}')).toBeGreaterThanOrEqual(100)
    expect(value('bunova_scheduler_decision_seconds_count')).toBeGreaterThanOrEqual(100)
    const route = 'route="/compute/v2.1/servers"'
    expect(value(`bunova_http_requests_total{api="nova-api",method="POST",${route},status="202"}`)).toBeGreaterThan(1)
    expect(value('bunova_task_run_seconds_count{kind="server.build",result="ended"}')).toBeGreaterThanOrEqual(100)
    expect(value('bunova_tasks{database="cell1",state="running"}')).toBe(0)
    expect(value('bunova_bus_up')).toBe(1)
    expect(value('bunova_bus_messages_total{topic="tasks",how="publish"}')).toBeGreaterThanOrEqual(100)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e7)
  })

  test('are for nobody else', async () => {
    const demo = await apiClient(cloud, 'demo')
    expect([(await scrape({})).status, (await scrape({ 'x-auth-token': demo.token })).status]).toEqual([401, 403])
  })
})

describe('on the command line', () => {
  async function command(name: string, ...args: string[]) {
    const script = join(import.meta.dir, `../../src/cli/scheduling/${name}.ts`)
    const child = Bun.spawn(['bun', script, '--state-path', cloud.statePath, ...args], { stdout: 'pipe', stderr: 'pipe' })
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    return { out, err, code: await child.exited }
  }

  test('explain says why a server is where it is, and why another is nowhere', async () => {
    const placed = await settled({ server: { name: 'placed', host: 'rack-2' } })
    const { out, code } = await command('explain', 'placed')
    expect([code, out]).toEqual([0, expect.stringContaining(`placed (${placed[0]!.id}) was placed on rack-2.`)])
    expect(out).toMatch(/requested_host +-19 +19 of 20 hosts are not the one asked for/)
    expect(out).toMatch(/→ +rack-2 +cell1/)
    const [lost] = await settled({ server: { name: 'lost' }, hints: { same_host: crypto.randomUUID() } })
    const json = JSON.parse((await command('explain', lost!.id, '--json')).out)
    expect(json.scheduling).toMatchObject({ state: 'failed', chosen: null, hosts: 20 })
  })

  test('what-if says where servers would go, and makes none', async () => {
    const count = async () => (await admin.get<any>('/compute/v2.1/servers?limit=1000')).servers.length
    const before = await count()
    const args = ['--flavor', flavor, '--image', 'small', '--count', '2', '--hint', 'query=["=","$host","rack-3"]']
    const { out, err, code } = await command('what-if', ...args, '--down', 'rack-1')
    expect([code, err]).toEqual([0, ''])
    expect(out).toStartWith('2 servers fit on 20 hosts, and')
    expect(out).toMatch(/rack-3 +cell1 +2/)
    expect(await count()).toBe(before)
  })

  test('errors are a line and an exit code', async () => {
    expect(await command('explain', 'nobody')).toEqual({ out: '', err: 'error: there is no server nobody\n', code: 1 })
    const { err, code } = await command('what-if', '--flavor', flavor, '--image', 'small', '--down', 'nowhere')
    expect([code, err]).toEqual([1, expect.stringContaining('there is no compute host nowhere')])
    expect((await command('what-if', '--flavour', 'x')).code).toBe(2)
    expect((await command('explain', '--help')).out).toContain('bun run explain SERVER')
  })
})
