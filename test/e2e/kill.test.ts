import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type CloudProcess, startCloudProcess } from '../support/cloud-process.ts'
import { type ApiClient, apiClient } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'

let cloud: CloudProcess
let api: ApiClient

beforeAll(async () => {
  cloud = await startCloudProcess({
    args: ['--compute-driver', 'fake', '--fake-hosts', '4'],
    config: '[quota]\ninstances = -1\ncores = -1\nram = -1\n',
  })
  api = await apiClient(cloud)
}, 60_000)
afterAll(() => cloud?.remove(), 60_000)

interface Server {
  readonly id: string
  readonly status: string
  readonly 'OS-EXT-STS:task_state': string | null
}

const servers = async (): Promise<Server[]> => (await api.get<{ servers: Server[] }>('/compute/v2.1/servers/detail')).servers

test('kill -9 in the middle of 20 builds: after a restart all are ACTIVE or deleted as asked, and claims equal what runs', async () => {
  const { image, flavor } = await api.prepare()
  const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => api.create(`server-${index}`, image, flavor)))
  const unwanted = ids.slice(0, 5)
  // Some of these reach a server that is still accepted, some one that is being built.
  await Promise.all(unwanted.map((id) => api.delete(`/compute/v2.1/servers/${id}`)))
  await cloud.kill()

  cloud = await cloud.restart()
  api = await apiClient(cloud)
  await eventually(async () => {
    const left = await servers()
    expect(left.map((server) => server.id).toSorted()).toEqual(ids.slice(5).toSorted())
    expect(left.every((server) => server.status === 'ACTIVE' && server['OS-EXT-STS:task_state'] === null)).toBe(true)
  }, 30)

  const { hypervisors } = await api.get<{ hypervisors: { vcpus_used: number; running_vms: number }[] }>(
    '/compute/v2.1/os-hypervisors/detail',
  )
  const sum = (key: 'vcpus_used' | 'running_vms'): number => hypervisors.reduce((total, host) => total + host[key], 0)
  expect(sum('vcpus_used')).toBe(15)
  expect(sum('running_vms')).toBe(15)
  for (const server of await servers()) {
    expect((await api.post<{ output: string }>(`/compute/v2.1/servers/${server.id}/action`, { 'os-getConsoleOutput': {} })).output).not.toBe('')
  }
  const { limits } = await api.get<{ limits: { absolute: { totalInstancesUsed: number } } }>('/compute/v2.1/limits')
  expect(limits.absolute.totalInstancesUsed).toBe(15)
}, 120_000)

test('a second start on the same state path ends with an error that names the running process', async () => {
  const second = Bun.spawn(['bun', 'src/main.ts', '--state-path', cloud.statePath, '--listen', '127.0.0.1:0'], {
    cwd: `${import.meta.dir}/../..`,
    stderr: 'pipe',
  })
  expect(await second.exited).toBe(1)
  expect(await new Response(second.stderr).text()).toContain(`is in use by the process ${cloud.pid}`)
}, 30_000)

test('every server can be deleted, and nothing is counted afterwards', async () => {
  await Promise.all((await servers()).map((server) => api.delete(`/compute/v2.1/servers/${server.id}`)))
  await eventually(async () => expect(await servers()).toEqual([]), 30)
  await eventually(async () => {
    const { limits } = await api.get<{ limits: { absolute: Record<string, number> } }>('/compute/v2.1/limits')
    expect(limits.absolute).toMatchObject({ totalInstancesUsed: 0, totalCoresUsed: 0, totalRAMUsed: 0 })
  }, 10)
}, 60_000)

test('SIGTERM ends it with exit code 0', async () => {
  expect(await cloud.stop()).toBe(0)
}, 30_000)
