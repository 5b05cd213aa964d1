import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'bun:test'
import { makeTinyImage } from '../../src/guest-image/index.ts'
import { hostConfig, type LibvirtHost, startLibvirtHost } from '../lab/index.ts'
import { type ApiClient, apiClient } from './api-client.ts'
import { discrepancies } from './books.ts'
import { type CloudProcess, startCloudProcess } from './cloud-process.ts'
import { type TestDatabases, testDatabases } from './database.ts'
import { eventually } from './eventually.ts'
import { startRedis, type TestRedis } from './redis.ts'

export interface ShownServer {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly fault?: { readonly message: string }
  readonly image: { readonly id: string } | ''
  readonly 'OS-EXT-STS:task_state': string | null
  readonly 'OS-EXT-STS:power_state': number
  readonly 'OS-EXT-SRV-ATTR:host': string | null
}

/** An agent in a process of its own on a pseudo-host. */
export interface ComputeHost {
  readonly lab: LibvirtHost
  pid(): number
  start(): void
  /** `kill -9`; guests run on. */
  kill(): Promise<void>
}

/** A control plane in one process, and compute hosts with real QEMU in others. */
export interface QemuCloud {
  readonly api: ApiClient
  readonly hosts: readonly ComputeHost[]
  /** The tiny guest, and a flavor of 16 MB and 1 GB for it. */
  readonly image: string
  readonly flavor: string
  create(overrides?: Record<string, unknown>): Promise<string>
  show(id: string): Promise<ShownServer>
  /** The answer's status must be one of success. */
  act(id: string, action: Record<string, unknown>): Promise<Response>
  /** Waits until the server has this status and nothing is done to it. */
  becomes(id: string, status: string): Promise<ShownServer>
  console(id: string): Promise<string>
  /** The counts that the guest has written at its boots, on the host that it is on now. */
  boots(id: string): Promise<string[]>
  booted(id: string, counts: string[]): Promise<void>
  /** Waits for one more tick. */
  ticksOn(id: string): Promise<void>
  /** Deletes the server and makes sure that nothing of it is left anywhere. */
  remove(...ids: string[]): Promise<void>
  stop(): Promise<void>
}

/** Starts as many hosts. @param config further lines of nova.conf, by section; `DEFAULT` is open at the end. */
export async function startQemuCloud(count: number, config: { conductor?: string; compute?: string } = {}): Promise<QemuCloud> {
  const directory = mkdtempSync(join(tmpdir(), 'bunova-qemu-cloud-'))
  const labs = await Promise.all(Array.from({ length: count }, () => startLibvirtHost()))
  const [redis, databases]: [TestRedis, TestDatabases] = await Promise.all([startRedis(), testDatabases()])
  const hosts = labs.map((lab) => computeHost(lab, directory, redis, config.compute ?? ''))
  let cloud: CloudProcess | undefined

  async function stop(): Promise<void> {
    await Promise.all(hosts.map((host) => host.kill()))
    await cloud?.remove()
    await Promise.all([redis.stop(), databases.drop(), ...labs.map((lab) => lab.stop())])
    rmSync(directory, { recursive: true, force: true })
  }

  try {
    cloud = await startCloudProcess({
      args: ['api', 'scheduler', 'conductor'],
      config: `[database]
connection = ${databases.connections.global}
[DEFAULT]
transport_url = ${redis.url}
shutdown_timeout = 10
${config.conductor ?? ''}
`,
    })
    for (const host of hosts) host.start()
    const api = await apiClient(cloud)
    const image = await api.upload('tiny', 'qcow2', makeTinyImage())
    const body = { flavor: { name: 'tiny', vcpus: 1, ram: 16, disk: 1 } }
    const { flavor } = await api.post<{ flavor: { id: string } }>('/compute/v2.1/flavors', body)
    await eventually(async () => {
      const { hypervisors } = await api.get<{ hypervisors: { state: string }[] }>('/compute/v2.1/os-hypervisors')
      expect(hypervisors.map(({ state }) => state)).toEqual(hosts.map(() => 'up'))
    }, 60)
    return { ...verbsOf({ api, hosts, databases, image, flavor: flavor.id }), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function computeHost(lab: LibvirtHost, directory: string, redis: TestRedis, more: string): ComputeHost {
  const state_path = join(directory, lab.name)
  const file = `${state_path}.conf`
  writeFileSync(
    file,
    `${hostConfig(lab)}transport_url = ${redis.url}
host = ${lab.name}
my_ip = 127.0.0.1
state_path = ${state_path}
${more}
`,
  )
  let agent: Bun.Subprocess | undefined
  return {
    lab,
    pid: () => agent?.pid ?? 0,
    start() {
      const command = ['bun', 'agent/main.ts', '--config-file', file, '--log-dir', `${state_path}-log`]
      agent = Bun.spawn(command, { cwd: join(import.meta.dir, '../..'), stdio: ['ignore', 'ignore', 'ignore'] })
    },
    async kill() {
      agent?.kill('SIGKILL')
      await agent?.exited
    },
  }
}

type Parts = Pick<QemuCloud, 'api' | 'hosts' | 'image' | 'flavor'> & { readonly databases: TestDatabases }

function verbsOf({ api, hosts, databases, image, flavor }: Parts): Omit<QemuCloud, 'stop'> {
  let made = 0
  const path = (id: string): string => `/compute/v2.1/servers/${id}`
  const show = async (id: string): Promise<ShownServer> => (await api.get<{ server: ShownServer }>(path(id))).server

  async function consoleOf(id: string): Promise<string> {
    return (await api.post<{ output: string }>(`${path(id)}/action`, { 'os-getConsoleOutput': {} })).output
  }
  const written = async (id: string, pattern: RegExp): Promise<string[]> =>
    [...(await consoleOf(id)).matchAll(pattern)].map(([, count]) => count!)
  const boots = (id: string): Promise<string[]> => written(id, /boot=(\d+)/g)

  async function leftOn({ lab }: ComputeHost): Promise<string[]> {
    const domains = (await lab.virsh('list', '--all', '--name')).split('\n').filter(Boolean)
    const files = readdirSync(lab.instancesDir).filter((name) => /^[0-9a-f]{8}-/.test(name))
    const copies = readdirSync(lab.instancesDir).includes('snapshots') ? readdirSync(join(lab.instancesDir, 'snapshots')) : []
    const taps = (await lab.exec(['ip', '-o', 'link', 'show', 'type', 'tun'])).split('\n').filter(Boolean)
    return [...domains, ...files, ...copies, ...taps]
  }

  return {
    api,
    hosts,
    image,
    flavor,
    show,
    async create(overrides = {}) {
      const server = { name: `guest-${++made}`, imageRef: image, flavorRef: flavor, ...overrides }
      return (await api.post<{ server: { id: string } }>('/compute/v2.1/servers', { server })).server.id
    },
    async act(id, body) {
      const answer = await api.request('POST', `${path(id)}/action`, { body })
      if (!answer.ok) throw new Error(`${JSON.stringify(body)}: ${answer.status} ${await answer.text()}`)
      return answer
    },
    becomes: (id, status) =>
      eventually(async () => {
        const server = await show(id)
        expect([server.status, server['OS-EXT-STS:task_state'], server.fault?.message]).toEqual([status, null, server.fault?.message])
        return server
      }, 60),
    console: consoleOf,
    boots,
    booted: (id, counts) => eventually(async () => expect(await boots(id)).toEqual(counts)),
    async ticksOn(id) {
      const before = (await written(id, /tick (\d+)/g)).length
      await eventually(async () => expect((await written(id, /tick (\d+)/g)).length).toBeGreaterThan(before))
    },
    async remove(...ids) {
      for (const id of ids) await api.delete(path(id))
      await eventually(async () => {
        for (const id of ids) expect((await api.request('GET', path(id))).status).toBe(404)
      }, 60)
      await eventually(async () => {
        expect(await discrepancies(databases.connections)).toEqual([])
        for (const host of hosts) expect(await leftOn(host)).toEqual([])
      }, 60)
    },
  }
}
