import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeTinyImage } from '../../src/guest-image/index.ts'
import { hostConfig, type LibvirtHost, startLibvirtHost } from '../lab/index.ts'
import { type ApiClient, apiClient } from '../support/api-client.ts'
import { discrepancies, embeddedIn } from '../support/books.ts'
import { type CloudProcess, startCloudProcess } from '../support/cloud-process.ts'
import { eventually } from '../support/eventually.ts'
import { type Fate, type Load, startLoad } from '../support/load.ts'
import { has } from '../support/requirements.ts'

interface Server {
  readonly id: string
  readonly status: string
  readonly fault?: { readonly message: string }
}

const NO_QUOTA = '[quota]\ninstances = -1\ncores = -1\nram = -1\n'
const SIMULATED = { args: ['--compute-driver', 'fake', '--fake-hosts', '4'], config: NO_QUOTA }
const SERVERS = '/compute/v2.1/servers'
/** What clients may be told while parts of the cloud are away: what they asked for, or that it cannot be had now. */
const FINE = /^(GET (200|404|503)|POST (202|404|409|503)|DELETE (204|404|503))$/

const list = async (api: ApiClient): Promise<Server[]> =>
  (await api.get<{ servers: Server[] }>(`${SERVERS}/detail?limit=1000`)).servers

const FINE_AFTERWARDS: Record<Fate, readonly (string | undefined)[]> = {
  kept: ['ACTIVE', 'SHUTOFF'],
  deleted: [undefined],
  asked: ['ACTIVE', 'SHUTOFF', undefined],
}

/**
 * What was accepted is there, what was deleted is not, nothing is stuck, and all sums are right. With an `excuse`, a
 * server may be in ERROR with that reason.
 */
async function expectSettled(
  cloud: CloudProcess,
  api: ApiClient,
  fates: Load['fates'],
  options: { excuse?: RegExp } = {},
): Promise<void> {
  await eventually(
    async () => expect(await discrepancies(embeddedIn(cloud.statePath), cloud.statePath)).toEqual([]),
    60,
  )
  const servers = await list(api)
  const excused = servers.filter(
    ({ status, fault }) => status === 'ERROR' && options.excuse?.test(fault?.message ?? ''),
  )
  const status = new Map(servers.map((server) => [server.id, server.status]))
  for (const [id, fate] of fates) {
    if (fate !== 'deleted' && excused.some((server) => server.id === id)) continue
    const fine = FINE_AFTERWARDS[fate]
    expect([id, fate, fine.includes(status.get(id)), status.get(id)]).toEqual([id, fate, true, status.get(id)])
  }
}

describe('kill -9 of the database under load', () => {
  let cloud: CloudProcess
  let api: ApiClient
  beforeAll(async () => {
    cloud = await startCloudProcess(SIMULATED)
    api = await apiClient(cloud)
  }, 60_000)
  afterAll(() => cloud?.remove(), 60_000)

  test('clients read 503 at worst, the process lives, and no accepted server is lost or stuck', async () => {
    const load = startLoad(api, { ...(await api.prepare()), clients: 6 })
    const killed = new Set<number>()
    for (let round = 0; round < 3; round++) {
      await eventually(async () => expect(load.fates.size).toBeGreaterThan(10 * (round + 1)))
      const pid = postmaster(cloud.statePath)
      expect(killed).not.toContain(pid)
      killed.add(pid)
      process.kill(pid, 'SIGKILL')
      await eventually(async () => expect((await api.request('GET', SERVERS)).status).toBe(200))
    }
    await load.stop()
    expect([...load.answers.keys()].filter((answer) => !FINE.test(answer))).toEqual([])
    await expectSettled(cloud, api, load.fates)
    expect(await cloud.stop()).toBe(0)
  }, 120_000)
})

describe('kill -9 of the whole process', () => {
  let cloud: CloudProcess
  beforeAll(async () => {
    cloud = await startCloudProcess(SIMULATED)
  }, 60_000)
  afterAll(() => cloud?.remove(), 60_000)

  test('at ten random moments of a mixed load: after each start nothing is stuck and everything adds up', async () => {
    const used = await (await apiClient(cloud)).prepare()
    const fates = new Map<string, Fate>()
    for (let round = 0; round < 10; round++) {
      const load = startLoad(await apiClient(cloud), { ...used, clients: 6 })
      await Bun.sleep(50 + Math.random() * 1000)
      await cloud.kill()
      await load.stop()
      for (const [id, fate] of load.fates) fates.set(id, fate)
      expect([...load.answers.keys()].filter((answer) => !FINE.test(answer) && !answer.endsWith('lost'))).toEqual([])
      cloud = await cloud.restart()
      await expectSettled(cloud, await apiClient(cloud), fates)
    }
    expect(fates.size).toBeGreaterThan(50)
  }, 240_000)
})

describe.if(process.getuid?.() === 0)('a full disk', () => {
  let statePath: string
  let cloud: CloudProcess
  let api: ApiClient
  let used: { image: string; flavor: string }
  const ballast = (): string => join(statePath, 'ballast')

  beforeAll(async () => {
    statePath = mkdtempSync(join(tmpdir(), 'bunova-full-'))
    mount('-t', 'tmpfs', '-o', 'size=300m,mode=0711', 'tmpfs', statePath)
    cloud = await startCloudProcess({ ...SIMULATED, statePath })
    api = await apiClient(cloud)
    used = await api.prepare()
  }, 60_000)
  afterAll(async () => {
    await cloud?.stop()
    Bun.spawnSync(['umount', '--lazy', statePath])
    rmSync(statePath, { recursive: true, force: true })
  }, 60_000)

  test('an image that does not fit is 503, leaves nothing, and fits when there is room', async () => {
    const fields = { name: 'large', disk_format: 'raw', container_format: 'bare' }
    const { id } = await api.post<{ id: string }>('/image/v2/images', fields)
    const body = new Uint8Array(32 * 2 ** 20)
    fill(ballast(), 16 * 2 ** 20)
    expect((await api.request('PUT', `/image/v2/images/${id}/file`, { body })).status).toBe(503)
    expect(await api.get(`/image/v2/images/${id}`)).toMatchObject({ status: 'queued' })
    expect(readdirSync(join(statePath, 'images')).filter((name) => name.startsWith(id))).toEqual([])
    rmSync(ballast())
    expect((await api.request('PUT', `/image/v2/images/${id}/file`, { body })).status).toBe(204)
    await api.delete(`/image/v2/images/${id}`)
  }, 60_000)

  test('with no byte left requests are 503 at worst, and all goes on when there is room', async () => {
    const load = startLoad(api, { ...used, clients: 4 })
    await eventually(async () => expect(load.fates.size).toBeGreaterThan(10))
    fill(ballast(), 0)
    await eventually(async () => expect(load.answers.get('POST 503')).toBeGreaterThan(3))
    rmSync(ballast())
    const before = load.fates.size
    await eventually(async () => expect(load.fates.size).toBeGreaterThan(before + 5), 60)
    await load.stop()
    expect([...load.answers.keys()].filter((answer) => !FINE.test(answer))).toEqual([])
    // The simulated hosts are on that disk, too.
    await expectSettled(cloud, api, load.fates, { excuse: /The host cannot write its journal/ })
  }, 180_000)

  /** Fills the disk until only that many bytes are free. */
  function fill(path: string, free: number): void {
    const { bavail, bsize } = statfsSync(statePath)
    const bytes = Math.max(0, bavail * bsize - free)
    Bun.spawnSync([
      'dd',
      'if=/dev/zero',
      `of=${path}`,
      'bs=4096',
      `count=${Math.ceil(bytes / 4096) + (free ? 0 : 1024)}`,
    ])
  }
})

describe.if(has('libvirt'))('libvirtd that is stopped', () => {
  let host: LibvirtHost
  let cloud: CloudProcess
  let api: ApiClient
  let image: string
  let flavor: string
  let id: string

  beforeAll(async () => {
    host = await startLibvirtHost()
    cloud = await startCloudProcess({
      args: ['--compute-driver', 'libvirt'],
      config: hostConfig(host),
    })
    api = await apiClient(cloud)
    const fields = { name: 'tiny', disk_format: 'qcow2', container_format: 'bare' }
    image = (await api.post<{ id: string }>('/image/v2/images', fields)).id
    await api.request('PUT', `/image/v2/images/${image}/file`, { body: makeTinyImage() })
    const tiny = { name: 'tiny', vcpus: 1, ram: 16, disk: 1 }
    flavor = (await api.post<{ flavor: { id: string } }>('/compute/v2.1/flavors', { flavor: tiny })).flavor.id
    id = await api.create('first', image, flavor)
    await becomes(id, 'ACTIVE')
    await host.stopDaemon()
  }, 120_000)
  afterAll(async () => {
    await cloud?.remove()
    await host?.stop()
  }, 60_000)

  const show = async (server: string): Promise<Server & { 'OS-EXT-STS:task_state': string | null }> =>
    (await api.get<{ server: Server & { 'OS-EXT-STS:task_state': string | null } }>(`${SERVERS}/${server}`)).server
  const becomes = (server: string, status: string): Promise<void> =>
    eventually(async () => expect(await show(server)).toMatchObject({ status, 'OS-EXT-STS:task_state': null }), 60)
  const act = (action: object): Promise<unknown> => api.post(`${SERVERS}/${id}/action`, action)

  test('a stop ends with its reason in the events of the action, and the server as it was', async () => {
    await act({ 'os-stop': null })
    await becomes(id, 'ACTIVE')
    const { instanceActions } = await api.get<{ instanceActions: { request_id: string; message: string }[] }>(
      `${SERVERS}/${id}/os-instance-actions`,
    )
    expect(instanceActions[0]).toMatchObject({ action: 'stop', message: 'Error' })
    const { instanceAction } = await api.get<{ instanceAction: { events: object[] } }>(
      `${SERVERS}/${id}/os-instance-actions/${instanceActions[0]!.request_id}`,
    )
    expect(instanceAction.events).toMatchObject([{ event: 'compute_stop_instance', result: 'Error' }])
  }, 90_000)

  test('a new server ends in ERROR with a reason, holds nothing, and can be deleted', async () => {
    const failed = await api.create('second', image, flavor)
    await becomes(failed, 'ERROR')
    expect((await show(failed)).fault?.message).toMatch(/The hypervisor does not answer/)
    await api.delete(`${SERVERS}/${failed}`)
    await eventually(async () => expect((await api.request('GET', `${SERVERS}/${failed}`)).status).toBe(404), 60)
    await eventually(async () => expect(await discrepancies(embeddedIn(cloud.statePath))).toEqual([]))
  }, 90_000)

  test('everything works again when it is back, without a restart of ours', async () => {
    await host.startDaemon()
    expect(await host.virsh('list', '--name')).not.toBe('')
    await act({ 'os-stop': null })
    await becomes(id, 'SHUTOFF')
    await act({ 'os-start': null })
    await becomes(id, 'ACTIVE')
    await becomes(await api.create('third', image, flavor), 'ACTIVE')
    await eventually(async () => expect(await discrepancies(embeddedIn(cloud.statePath))).toEqual([]))
    expect(await cloud.stop()).toBe(0)
  }, 120_000)
})

function postmaster(statePath: string): number {
  return Number(readFileSync(join(statePath, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0])
}

function mount(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(['mount', ...args])
  if (exitCode !== 0) throw new Error(`cannot mount: ${stderr}`)
}
