import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildAgent } from '../../agent/build.ts'
import { makeTinyImage } from '../../src/guest-image/index.ts'
import { hostConfig, type LibvirtHost, startLibvirtHost } from '../lab/index.ts'
import { type ApiClient, apiClient } from '../support/api-client.ts'
import { discrepancies } from '../support/books.ts'
import { type CloudProcess, startCloudProcess } from '../support/cloud-process.ts'
import { type TestDatabases, testDatabases } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { removeHostNetwork } from '../support/host-networks.ts'
import { has } from '../support/requirements.ts'

interface Server {
  readonly status: string
  readonly fault?: { message: string }
  readonly 'OS-EXT-SRV-ATTR:host': string | null
  readonly 'OS-EXT-SRV-ATTR:instance_name': string
}
interface Hypervisor {
  readonly hypervisor_hostname: string
  readonly hypervisor_type: string
  readonly state: string
}

/** A compute host as an operator adds it: one binary, one file, libvirt; it finds the rest by Redis. */
describe.if(has('redis', 'libvirt'))('the compiled agent on a host with libvirt', () => {
  let redis: TestRedis
  let databases: TestDatabases
  let host: LibvirtHost
  let cloud: CloudProcess
  let api: ApiClient
  let directory: string
  let agent: Bun.Subprocess | undefined
  let id: string

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bunova-agent-e2e-'))
    chmodSync(directory, 0o755)
    await buildAgent(join(directory, 'bunova-agent'))
    ;[redis, databases, host] = await Promise.all([startRedis(), testDatabases(), startLibvirtHost({ name: 'hv-7' })])
    cloud = await startCloudProcess({
      args: ['api', 'scheduler', 'conductor'],
      config: `[DEFAULT]\ntransport_url = ${redis.url}\n[database]\nconnection = ${databases.connections.global}\n`,
    })
    api = await apiClient(cloud)
    writeFileSync(
      join(directory, 'nova-compute.conf'),
      `${hostConfig(host)}transport_url = ${redis.url}
host = hv-7
my_ip = 127.0.0.1
state_path = ${directory}/state
`,
    )
  }, 120_000)
  afterAll(async () => {
    agent?.kill('SIGTERM')
    await agent?.exited
    await cloud?.remove()
    await removeHostNetwork('hv-7', join(directory, 'state'))
    await host?.stop()
    await redis?.stop()
    await databases?.drop()
    rmSync(directory, { recursive: true, force: true })
  }, 60_000)

  function startAgent(): void {
    agent = Bun.spawn(
      [join(directory, 'bunova-agent'), '--config-file', join(directory, 'nova-compute.conf'), '--log-dir', directory],
      { cwd: '/', env: { PATH: process.env.PATH }, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
    )
  }
  const log = (): string => readFileSync(join(directory, 'nova-compute.log'), 'utf8')
  const show = async (): Promise<Server> => (await api.get<{ server: Server }>(`/compute/v2.1/servers/${id}`)).server
  const hypervisors = async (): Promise<Hypervisor[]> =>
    (await api.get<{ hypervisors: Hypervisor[] }>('/compute/v2.1/os-hypervisors/detail')).hypervisors
  const becomes = (status: string): Promise<void> =>
    eventually(async () => expect(await show()).toMatchObject({ status }), 60)

  test('joins the cloud by itself', async () => {
    expect(await hypervisors()).toEqual([])
    startAgent()
    await eventually(async () => {
      expect(await hypervisors()).toMatchObject([{ hypervisor_hostname: 'hv-7', hypervisor_type: 'QEMU', state: 'up' }])
    })
  }, 60_000)

  test('runs a server from POST to ACTIVE, from an image that it fetches over HTTP', async () => {
    const fields = { name: 'tiny', disk_format: 'qcow2', container_format: 'bare' }
    const image = await api.post<{ id: string }>('/image/v2/images', fields)
    const upload = { body: makeTinyImage() }
    expect((await api.request('PUT', `/image/v2/images/${image.id}/file`, upload)).status).toBe(204)
    const flavor = { name: 'tiny', vcpus: 1, ram: 16, disk: 1 }
    const made = await api.post<{ flavor: { id: string } }>('/compute/v2.1/flavors', { flavor })
    id = await api.create('first', image.id, made.flavor.id)
    await becomes('ACTIVE')

    const server = await show()
    expect(server['OS-EXT-SRV-ATTR:host']).toBe('hv-7')
    expect(await host.virsh('domuuid', server['OS-EXT-SRV-ATTR:instance_name'])).toBe(id)
    expect(await host.virsh('list', '--name')).toBe(server['OS-EXT-SRV-ATTR:instance_name'])
    expect(readdirSync(join(host.instancesDir, '_base'))).toHaveLength(1)
    await eventually(async () => {
      const body = { 'os-getConsoleOutput': {} }
      const { output } = await api.post<{ output: string }>(`/compute/v2.1/servers/${id}/action`, body)
      expect(output).toContain('tiny-guest boot=1')
    }, 60)
  }, 150_000)

  test('leaves its guests running when it is stopped, and is shown as down', async () => {
    agent!.kill('SIGTERM')
    expect(await agent!.exited).toBe(0)
    expect(await host.virsh('list', '--name')).not.toBe('')
    await eventually(async () => expect(await hypervisors()).toMatchObject([{ state: 'down' }]))
  }, 60_000)

  test('notices when it is back what its guests did meanwhile', async () => {
    await host.virsh('destroy', (await show())['OS-EXT-SRV-ATTR:instance_name'])
    startAgent()
    await becomes('SHUTOFF')
    await api.post(`/compute/v2.1/servers/${id}/action`, { 'os-start': null })
    await becomes('ACTIVE')
  }, 90_000)

  test('leaves nothing of a server that is deleted', async () => {
    await api.delete(`/compute/v2.1/servers/${id}`)
    await eventually(async () => expect((await api.request('GET', `/compute/v2.1/servers/${id}`)).status).toBe(404), 60)
    expect(await host.virsh('list', '--all', '--name')).toBe('')
    expect(readdirSync(host.instancesDir).filter((name) => /^[0-9a-f]{8}-/.test(name))).toEqual([])
    await eventually(async () => expect(await discrepancies(databases.connections)).toEqual([]))
    expect(log()).not.toMatch(/ (ERROR|CRITICAL) /)
  }, 90_000)
})
