import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiClient, clientAt } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { has } from '../support/requirements.ts'
import { type SplitCloud, startSplitCloud } from '../support/split-cloud.ts'

/** Work of a conductor that was killed goes on when its lease, 15 s, has run out and a sweep comes by. */
const TAKE_OVER_S = 60

describe.if(has('redis'))('roles in processes of their own, with one database for everything', () => {
  let cloud: SplitCloud
  beforeAll(async () => {
    cloud = await startSplitCloud(['api-1', 'scheduler-1', 'conductor-1', 'compute'], { separate: false })
  }, 120_000)
  afterAll(() => cloud?.remove(), 60_000)

  test('a server boots and is deleted', async () => {
    await cloud.allActive(await cloud.create(1))
    await cloud.inOrder()
    await cloud.deleteAll()
  }, 60_000)
})

describe.if(has('redis'))('two of each role, with global and cell in databases of their own', () => {
  let cloud: SplitCloud
  beforeAll(async () => {
    const names = ['api-1', 'api-2', 'scheduler-1', 'scheduler-2', 'conductor-1', 'conductor-2', 'compute']
    cloud = await startSplitCloud(names, { separate: true })
  }, 120_000)
  afterAll(() => cloud?.remove(), 60_000)

  const openrc = (name: string): string => readFileSync(join(cloud.node(name).statePath, 'openrc'), 'utf8')

  test('a server boots, stops, starts, says something on its console, and is deleted', async () => {
    const [id] = (await cloud.create(1)) as [string]
    await cloud.becomes(id, 'ACTIVE')
    await cloud.act(id, { 'os-stop': null })
    await cloud.becomes(id, 'SHUTOFF')
    await cloud.act(id, { 'os-start': null })
    await cloud.becomes(id, 'ACTIVE')
    expect(await cloud.act(id, { 'os-getConsoleOutput': {} })).toEqual({ output: expect.stringMatching(/./) })
    await cloud.inOrder()
    await cloud.deleteAll()
  }, 60_000)

  test('each process is in os-services under its own host', async () => {
    const { services } = await cloud.api.get<{ services: { binary: string; host: string; state: string }[] }>(
      '/compute/v2.1/os-services',
    )
    const up = services
      .filter((service) => service.state === 'up')
      .map((service) => `${service.binary} ${service.host}`)
    expect(up.toSorted()).toEqual([
      'nova-compute compute-1',
      'nova-compute compute-2',
      'nova-compute compute-3',
      'nova-compute compute-4',
      'nova-conductor conductor-1',
      'nova-conductor conductor-2',
      'nova-scheduler scheduler-1',
      'nova-scheduler scheduler-2',
    ])
  })

  test('each process tells what it counts, at an address of its own', async () => {
    const series = async (name: string) => {
      const url = /^metrics: (\S+)$/m.exec(cloud.node(name).output())![1]!
      expect((await fetch(new URL('/', url))).status).toBe(404)
      const text = await (await fetch(url)).text()
      return new Set([...text.matchAll(/^(\w+)/gm)].map(([, word]) => word))
    }
    const own = { 'api-1': 'bunova_http_requests_total', 'scheduler-1': 'bunova_scheduler_lag_seconds', 'conductor-2': 'bunova_tasks', compute: 'bunova_bus_messages_total' }
    for (const [name, metric] of Object.entries(own)) expect(await series(name)).toContain(metric)
    expect(await series('compute')).not.toContain('bunova_tasks')
  })

  test('what-if is answered by whichever scheduler the bus finds, and one that is refused is refused', async () => {
    const server = { name: 'x', imageRef: cloud.image, flavorRef: cloud.flavor, min_count: 2 }
    const ask = (assume: object) => cloud.api.request('POST', '/compute/v2.1/os-scheduling/what-if', { body: { server, assume } })
    const answer = (await (await ask({ down: ['compute-1'] })).json()) as { what_if: { placements: { host: string }[] } }
    expect(answer.what_if).toMatchObject({ servers: 2, placed: 2, hosts: 4 })
    expect(answer.what_if.placements.map(({ host }) => host)).not.toContain('compute-1')
    expect((await ask({ down: ['nowhere'] })).status).toBe(400)
  })

  test('a second api takes the tokens of the first and gives the same answers', async () => {
    const other = clientAt(cloud.node('api-2').url, cloud.api.token)
    await cloud.allActive(await cloud.create(1))
    const linked = JSON.stringify(await cloud.list()).replaceAll(cloud.node('api-1').url, cloud.node('api-2').url)
    expect(JSON.stringify(await cloud.list(other))).toBe(linked)
    const [server] = await cloud.list(other)
    await other.delete(`/compute/v2.1/servers/${server!.id}`)
    await eventually(async () => expect(await cloud.list()).toEqual([]))
  }, 60_000)

  test('a token that one api revokes is refused by the other', async () => {
    const { token } = await apiClient(cloud.node('api-1'), 'demo')
    const [mine, other] = ['api-1', 'api-2'].map((name) => clientAt(cloud.node(name).url, token))
    expect((await other!.request('GET', '/compute/v2.1/servers')).status).toBe(200)
    await mine!.request('DELETE', '/identity/v3/auth/tokens', { headers: { 'x-subject-token': token } })
    await eventually(async () => expect((await other!.request('GET', '/compute/v2.1/servers')).status).toBe(401))
  }, 60_000)

  test('only the api that drew the passwords writes them into its openrc', () => {
    expect(openrc('api-1')).toContain('OS_PASSWORD')
    expect(openrc('api-2')).not.toContain('OS_PASSWORD')
    expect(openrc('api-2')).toContain(cloud.node('api-2').url)
  })

  test('kill -9 of a conductor in the middle of 20 builds: the other one finishes them', async () => {
    // Hosts stand still, so that builds are under way when the conductor dies.
    process.kill(cloud.node('compute').pid, 'SIGSTOP')
    const ids = await cloud.create(20)
    const secrets = JSON.parse(readFileSync(join(cloud.node('conductor-1').statePath, 'secrets.json'), 'utf8'))
    await eventually(async () => expect(await leasesOf(cloud, secrets.node_id)).toBeGreaterThan(0))
    await cloud.node('conductor-1').kill()
    process.kill(cloud.node('compute').pid, 'SIGCONT')
    await cloud.allActive(ids, TAKE_OVER_S)
    await cloud.inOrder()
    await cloud.restart('conductor-1')
    await cloud.deleteAll()
  }, 180_000)

  test('FLUSHALL in the middle of builds: all end ACTIVE', async () => {
    process.kill(cloud.node('compute').pid, 'SIGSTOP')
    const ids = await cloud.create(20)
    await eventually(async () => expect(await leasesOf(cloud, '')).toBeGreaterThan(0))
    // Commands are in Redis now, and answers will be: both get lost.
    await cloud.redis.flush()
    process.kill(cloud.node('compute').pid, 'SIGCONT')
    const more = await cloud.create(10)
    await cloud.redis.flush()
    await cloud.allActive([...ids, ...more], TAKE_OVER_S)
    await cloud.inOrder()
    await cloud.deleteAll()
  }, 180_000)

  test('Redis away: what needs it now is 503, what is accepted waits for it, and nothing is lost', async () => {
    const [id] = (await cloud.create(1)) as [string]
    await cloud.becomes(id, 'ACTIVE')
    await cloud.redis.kill()
    const body = { 'os-getConsoleOutput': {} }
    const answer = await cloud.api.request('POST', `/compute/v2.1/servers/${id}/action`, { body })
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { serviceUnavailable: { code: 503, message: 'The message bus is not reachable.' } },
    ])
    const ids = await cloud.create(5)
    await cloud.act(id, { 'os-stop': null })
    // Long enough for the work to have been tried, in vain, more than once.
    await Bun.sleep(5_000)
    await cloud.redis.start()
    await cloud.allActive(ids, TAKE_OVER_S)
    await cloud.becomes(id, 'SHUTOFF')
    await cloud.inOrder()
    await cloud.deleteAll()
  }, 180_000)

  test('a scheduler and an api can go: the others serve on', async () => {
    await Promise.all([cloud.node('scheduler-1').kill(), cloud.node('api-1').kill()])
    cloud.api = clientAt(cloud.node('api-2').url, cloud.api.token)
    await cloud.allActive(await cloud.create(5), TAKE_OVER_S)
    await cloud.deleteAll()
  }, 120_000)

  test('every process ends in order by SIGTERM', async () => {
    for (const name of ['compute', 'conductor-1', 'conductor-2', 'scheduler-2', 'api-2']) {
      expect([name, await cloud.node(name).stop()]).toEqual([name, 0])
    }
  }, 90_000)
})

/** Tasks under way in all databases: those of one conductor, or of all for `''`. */
async function leasesOf({ databases }: SplitCloud, conductor: string): Promise<number> {
  const counts = await Promise.all(
    [databases.global, ...databases.cells.values()].map(async (db) => {
      const [row] = await db.sql<{ leased: number }[]>`
        select count(*)::int as leased from tasks where starts_with(lease_owner, ${conductor})`
      return row?.leased ?? 0
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
