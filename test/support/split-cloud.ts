import { expect } from 'bun:test'
import { type ApiClient, apiClient } from './api-client.ts'
import { discrepancies } from './books.ts'
import { type CloudProcess, startCloudProcess } from './cloud-process.ts'
import { type TestDatabases, testDatabases } from './database.ts'
import { eventually } from './eventually.ts'
import { startRedis, type TestRedis } from './redis.ts'

export interface Server {
  readonly id: string
  readonly status: string
  readonly 'OS-EXT-STS:task_state': string | null
}

const FAKE_HOSTS = 4

/** A cloud of processes with one role each, over a Redis and a PostgreSQL that are not theirs. */
export interface SplitCloud {
  readonly redis: TestRedis
  readonly databases: TestDatabases
  readonly image: string
  readonly flavor: string
  /** By name, `api-1` and so on; each is a host of that name with a state path of its own. */
  node(name: string): CloudProcess
  restart(name: string): Promise<void>
  /** As admin at `api-1`; tests may put another client in its place. */
  api: ApiClient
  list(client?: ApiClient): Promise<Server[]>
  create(count: number): Promise<string[]>
  act(id: string, action: object): Promise<unknown>
  becomes(id: string, status: string): Promise<void>
  allActive(ids: readonly string[], deadline_s?: number): Promise<void>
  deleteAll(): Promise<void>
  /** Everything that is counted anywhere adds up. */
  inOrder(): Promise<void>
  remove(): Promise<void>
}

/**
 * Starts one process per name; the part before the dash is its role.
 * @param options.separate puts the global and the cell database apart
 */
export async function startSplitCloud(names: readonly string[], options: { separate: boolean }): Promise<SplitCloud> {
  const [redis, databases] = await Promise.all([startRedis(), testDatabases(options)])
  const nodes = new Map<string, CloudProcess>()

  async function start(name: string): Promise<void> {
    const role = name.replace(/-.*/, '')
    nodes.set(
      name,
      await startCloudProcess({
        args: [role, ...(role === 'compute' ? ['--compute-driver', 'fake', '--fake-hosts', String(FAKE_HOSTS)] : [])],
        config: [
          `[DEFAULT]\nhost = ${name}\ntransport_url = ${redis.url}`,
          // As an operator writes it: one line for everything in one database, two for two.
          options.separate ? `[api_database]\nconnection = ${databases.connections.global}` : '',
          `[database]\nconnection = ${databases.connections.cell1}`,
          `[bunova]\nmetrics_listen = 127.0.0.1:0`,
          '[quota]\ninstances = -1\ncores = -1\nram = -1\n',
        ].join('\n'),
      }),
    )
  }

  async function remove(): Promise<void> {
    await Promise.all([...nodes.values()].map((each) => each.remove()))
    await redis.stop()
    await databases.drop()
  }

  try {
    // The first api draws the passwords.
    await start('api-1')
    await Promise.all(names.filter((name) => name !== 'api-1').map(start))
    const api = await apiClient(nodes.get('api-1')!)
    await eventually(async () => {
      const { hypervisors } = await api.get<{ hypervisors: unknown[] }>('/compute/v2.1/os-hypervisors')
      expect(hypervisors).toHaveLength(FAKE_HOSTS)
    })
    return cloudOf({ redis, databases, nodes, api, remove, ...(await api.prepare()) })
  } catch (error) {
    await remove()
    throw error
  }
}

type Parts = Pick<SplitCloud, 'redis' | 'databases' | 'api' | 'image' | 'flavor' | 'remove'> & {
  readonly nodes: Map<string, CloudProcess>
}

function cloudOf(parts: Parts): SplitCloud {
  const { nodes, image, flavor } = parts
  const node = (name: string): CloudProcess => {
    const found = nodes.get(name)
    if (!found) throw new Error(`no process ${name}`)
    return found
  }

  const cloud: SplitCloud = {
    redis: parts.redis,
    databases: parts.databases,
    image,
    flavor,
    node,
    api: parts.api,
    remove: parts.remove,
    restart: async (name) => void nodes.set(name, await node(name).restart()),
    list: async (client = cloud.api) =>
      (await client.get<{ servers: Server[] }>('/compute/v2.1/servers/detail')).servers,
    create: (count) =>
      Promise.all(Array.from({ length: count }, (_, index) => cloud.api.create(`server-${index}`, image, flavor))),
    act: (id, action) => cloud.api.post(`/compute/v2.1/servers/${id}/action`, action),
    becomes: (id, status) =>
      eventually(async () => {
        const { server } = await cloud.api.get<{ server: Server }>(`/compute/v2.1/servers/${id}`)
        expect(server.status).toBe(status)
      }),
    allActive: (ids, deadline_s) =>
      eventually(async () => {
        const servers = await cloud.list()
        const states = ids.map((id) => servers.find((server) => server.id === id)?.status ?? 'missing')
        expect(states).toEqual(ids.map(() => 'ACTIVE'))
      }, deadline_s),
    async deleteAll() {
      const servers = await cloud.list()
      await Promise.all(servers.map((server) => cloud.api.delete(`/compute/v2.1/servers/${server.id}`)))
      await eventually(async () => expect(await cloud.list()).toEqual([]))
      await cloud.inOrder()
    },
    inOrder: () =>
      eventually(async () =>
        expect(await discrepancies(parts.databases.connections, node('compute').statePath)).toEqual([]),
      ),
  }
  return cloud
}
