import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { reportServices, retireService } from '../../cells/index.ts'
import { type ComputeApi, startComputeApi, UPTIME } from '../../../test/support/compute-api.ts'

let api: ComputeApi
const as = 'admin'

beforeAll(async () => {
  api = await startComputeApi()
  await reportServices(api.databases.global, 'nova-conductor', ['ctl'], new Date())
  for (const host of ['cmp1', 'cmp2', 'cmp3']) await api.addHost(host)
})
afterAll(() => api.stop())

type Service = {
  id: string
  host: string
  binary: string
  status: string
  state: string
  disabled_reason: string | null
}
const services = async (query = '', v = '2.53'): Promise<Service[]> =>
  (await api.ask('GET', `/os-services${query}`, { as, v })).body.services
const serviceOf = async (host: string): Promise<Service> => (await services(`?host=${host}`))[0]!

describe('services', () => {
  test('are those of the whole cloud and of each cell', async () => {
    expect((await services()).map(({ host, binary }) => [host, binary])).toEqual([
      ['ctl', 'nova-conductor'],
      ['cmp1', 'nova-compute'],
      ['cmp2', 'nova-compute'],
      ['cmp3', 'nova-compute'],
    ])
    expect((await services('?binary=nova-conductor')).map(({ host }) => host)).toEqual(['ctl'])
    expect(await services('?host=none')).toEqual([])
  })

  test('are down when they said goodbye, or were not heard of for service_down_time', async () => {
    expect((await serviceOf('cmp3')).state).toBe('up')
    await retireService(api.cells.get('cell1'), 'nova-compute', 'cmp3')
    expect((await serviceOf('cmp3')).state).toBe('down')
    await api.databases.cells.get('cell1')!.sql`
      update services set last_seen_at = now() - interval '61 seconds' where host = 'cmp3'`
    expect((await serviceOf('cmp3')).state).toBe('down')
    await reportServices(api.cells.get('cell1'), 'nova-compute', ['cmp3'], new Date())
    expect((await serviceOf('cmp3')).state).toBe('up')
  })

  test('are disabled and enabled by name until 2.53', async () => {
    const put = (id: string, body: object, v = '2.1') => api.ask('PUT', `/os-services/${id}`, { as, v, body })
    const cmp1 = { host: 'cmp1', binary: 'nova-compute' }
    expect((await put('disable', cmp1)).body).toEqual({ service: { ...cmp1, status: 'disabled' } })
    expect((await serviceOf('cmp1')).status).toBe('disabled')
    expect((await put('enable', cmp1)).body).toEqual({ service: { ...cmp1, status: 'enabled' } })
    expect((await put('disable-log-reason', { ...cmp1, disabled_reason: 'disk' })).body.service).toEqual({
      ...cmp1,
      status: 'disabled',
      disabled_reason: 'disk',
    })
    expect((await put('disable-log-reason', cmp1)).status).toBe(400)
    expect((await put('force-down', { ...cmp1, forced_down: true }, '2.11')).body.service.forced_down).toBe(true)
    expect((await serviceOf('cmp1')).state).toBe('down')
    await put('force-down', { ...cmp1, forced_down: 'false' }, '2.11')
    await put('enable', cmp1)
    expect(await serviceOf('cmp1')).toMatchObject({ state: 'up', status: 'enabled', disabled_reason: null })
    expect((await put('force-down', cmp1, '2.10')).status).toBe(404)
    expect((await put('explode', cmp1)).status).toBe(404)
    expect((await put('disable', { host: 'none', binary: 'nova-compute' })).status).toBe(404)
    expect((await put('disable', { host: 'ctl', binary: 'nova-conductor' })).status).toBe(400)
    expect((await put('enable', cmp1, '2.53')).status).toBe(400)
  })

  test('are changed by UUID from 2.53 on', async () => {
    const { id } = await serviceOf('cmp2')
    const put = (body: object, service = id) => api.ask('PUT', `/os-services/${service}`, { as, v: '2.53', body })
    const { service } = (await put({ status: 'disabled', disabled_reason: 'test' })).body
    expect(service).toMatchObject({ id, host: 'cmp2', status: 'disabled', disabled_reason: 'test', state: 'up' })
    expect((await put({ status: 'enabled' })).body.service).toMatchObject({ status: 'enabled', disabled_reason: null })
    expect((await put({ forced_down: true })).body.service.state).toBe('down')
    expect((await put({ forced_down: false })).body.service.state).toBe('up')
    expect((await put({ disabled_reason: 'alone' })).status).toBe(400)
    expect((await put({})).status).toBe(400)
    expect((await put({ status: 'off' })).status).toBe(400)
    expect((await put({ status: 'enabled' }, 'cmp2')).status).toBe(400)
    expect((await put({ status: 'enabled' }, crypto.randomUUID())).status).toBe(404)
    const conductor = (await services('?host=ctl'))[0]!
    expect((await put({ status: 'disabled' }, conductor.id)).status).toBe(400)
  })
})

describe('hypervisors', () => {
  type Hypervisor = { id: string; hypervisor_hostname: string; servers?: { name: string }[] }
  const list = async (query: string, v: string): Promise<Hypervisor[]> =>
    (await api.ask('GET', `/os-hypervisors${query}`, { as, v })).body.hypervisors

  test('come in pages from 2.33 on', async () => {
    const first = (await api.ask('GET', '/os-hypervisors/detail?limit=2', { as, v: '2.53' })).body
    expect(first.hypervisors).toHaveLength(2)
    const next = first.hypervisors_links[0].href.slice(`${api.url}/v2.1`.length)
    expect(next).toStartWith('/os-hypervisors/detail?limit=2&marker=')
    const second = (await api.ask('GET', next, { as, v: '2.53' })).body
    expect(second.hypervisors.map(({ hypervisor_hostname }: Hypervisor) => hypervisor_hostname)).toEqual([
      'cmp3.example',
    ])
    expect(await list('?limit=1', '2.32')).toHaveLength(3)
    expect((await api.ask('GET', '/os-hypervisors?marker=none', { as, v: '2.33' })).status).toBe(400)
  })

  test('are found by a part of their name', async () => {
    expect(await list('?hypervisor_hostname_pattern=cmp', '2.53')).toHaveLength(3)
    const none = await api.ask('GET', '/os-hypervisors?hypervisor_hostname_pattern=nowhere', { as, v: '2.53' })
    expect(none.status).toBe(404)
    const paged = await api.ask('GET', '/os-hypervisors?hypervisor_hostname_pattern=cmp&limit=1', { as, v: '2.53' })
    expect(paged.status).toBe(400)
    expect(await list('/cmp2/search', '2.52')).toHaveLength(1)
    expect((await api.ask('GET', '/os-hypervisors/cmp2/search', { as, v: '2.53' })).status).toBe(404)
  })

  test('list their servers, none of which is somewhere else', async () => {
    await api.addServer({ host: 'cmp1', name: 'here' })
    await api.addServer({ host: 'cmp1', name: 'gone', deleted_at: new Date() })
    const by = (v: string) => list('?with_servers=true', v)
    expect((await by('2.74')).map(({ servers }) => servers?.map(({ name }) => name))).toEqual([
      ['here'],
      undefined,
      undefined,
    ])
    expect((await by('2.75')).map(({ servers }) => servers?.map(({ name }) => name))).toEqual([['here'], [], []])
    expect((await list('/cmp1/servers', '2.52'))[0]!.servers!.map(({ name }) => name)).toEqual(['here'])
    expect((await api.ask('GET', '/os-hypervisors?with_servers=maybe', { as, v: '2.53' })).status).toBe(400)
  })

  test('are shown by number, and by UUID from 2.53 on', async () => {
    const [before] = await list('', '2.52')
    const [after] = await list('', '2.53')
    const show = async (id: string, v: string) => (await api.ask('GET', `/os-hypervisors/${id}`, { as, v })).status
    expect(await show(before!.id, '2.52')).toBe(200)
    expect(await show(after!.id, '2.53')).toBe(200)
    expect(await show(after!.id, '2.52')).toBe(404)
    expect(await show(before!.id, '2.53')).toBe(400)
    expect(await show('cmp1.example', '2.52')).toBe(404)
    expect(await show('999', '2.1')).toBe(404)
  })

  test('count memory that the host keeps for itself as used', async () => {
    const shown = (await api.ask('GET', '/os-hypervisors/detail', { as })).body.hypervisors[0]
    expect(shown).toMatchObject({ memory_mb: 8192, memory_mb_used: 512, free_ram_mb: 7680, vcpus: 4, vcpus_used: 0 })
    const { hypervisor_statistics: sum } = (await api.ask('GET', '/os-hypervisors/statistics', { as })).body
    expect(sum).toMatchObject({ count: 3, memory_mb: 3 * 8192, memory_mb_used: 3 * 512, vcpus: 12 })
  })

  test('say how long they are up, as far as they answer', async () => {
    const of = async (host: string) => (await list(`?hypervisor_hostname_pattern=${host}`, '2.53'))[0]!.id
    const uptime = (id: unknown) => api.ask('GET', `/os-hypervisors/${id}/uptime`, { as, v: '2.53' })
    const shown = async (id: unknown) =>
      (await api.ask('GET', `/os-hypervisors/${id}`, { as, v: '2.88' })).body.hypervisor.uptime
    const id = await of('cmp1')
    expect((await uptime(id)).body.hypervisor).toEqual({
      id,
      hypervisor_hostname: 'cmp1.example',
      state: 'up',
      status: 'enabled',
      uptime: UPTIME,
    })
    expect(await shown(id)).toBe(UPTIME)
    await api.addHost('silent')
    await retireService(api.cells.get('cell1'), 'nova-compute', 'silent')
    const down = await of('silent')
    expect([(await uptime(down)).status, await shown(down)]).toEqual([400, null])
    await api.ask('DELETE', `/os-services/${(await serviceOf('silent')).id}`, { as, v: '2.53' })
    expect((await uptime(down)).status).toBe(404)
  })
})

describe('availability zones', () => {
  test('are shown to everybody, with their hosts to admins', async () => {
    const brief = (await api.ask('GET', '/os-availability-zone')).body
    expect(brief).toEqual({
      availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true }, hosts: null }],
    })
    const detail = (await api.ask('GET', '/os-availability-zone/detail', { as })).body.availabilityZoneInfo
    expect(detail.map(({ zoneName }: { zoneName: string }) => zoneName)).toEqual(['internal', 'nova'])
    expect(detail[1].hosts.cmp1['nova-compute']).toEqual({
      active: true,
      available: true,
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/),
    })
  })
})

describe('the state of a host in its servers', () => {
  test('is shown to admins from 2.16 on', async () => {
    const server = await api.addServer({ host: 'cmp2' })
    const status = async () =>
      (await api.ask('GET', `/servers/${server.id}`, { as, v: '2.16' })).body.server.host_status
    const { id } = await serviceOf('cmp2')
    const put = (body: object) => api.ask('PUT', `/os-services/${id}`, { as, v: '2.53', body })
    expect(await status()).toBe('UP')
    await put({ status: 'disabled' })
    expect(await status()).toBe('MAINTENANCE')
    await put({ forced_down: true })
    expect(await status()).toBe('DOWN')
  })
})

describe('removing a service', () => {
  const remove = (id: string, v = '2.53') => api.ask('DELETE', `/os-services/${id}`, { as, v })

  test('takes a compute host out of everything that knows it', async () => {
    await api.addHost('old')
    const { global } = api.databases
    await global.sql`insert into host_mappings (host, cell_id) values ('old', 'cell1')`
    const { body } = await api.ask('POST', '/os-aggregates', { as, body: { aggregate: { name: 'agg' } } })
    const path = `/os-aggregates/${body.aggregate.id}`
    await api.ask('POST', `${path}/action`, { as, body: { add_host: { host: 'old' } } })
    expect((await remove((await serviceOf('old')).id)).status).toBe(204)
    expect(await services('?host=old')).toEqual([])
    const { body: left } = await api.ask('GET', '/os-hypervisors', { as, v: '2.53' })
    expect(left.hypervisors.map((each: any) => each.hypervisor_hostname)).not.toContain('old.example')
    expect((await api.ask('GET', path, { as })).body.aggregate.hosts).toEqual([])
    expect(await global.sql`select 1 from host_mappings where host = 'old'`).toHaveLength(0)
  })

  test('is refused while servers or claims are on the host', async () => {
    await api.addHost('busy')
    const { id } = await serviceOf('busy')
    const server = await api.addServer({ host: 'busy' })
    expect((await remove(id)).status).toBe(409)
    const cell = api.databases.cells.get('cell1')!
    await cell.sql`update servers set host = null where id = ${server.id}`
    await cell.sql`
      insert into claims (server_id, host_id, vcpus, memory_mb, disk_gb)
      select ${server.id}, id, 1, 64, 1 from hosts where host = 'busy'`
    expect((await remove(id)).status).toBe(409)
    await cell.sql`delete from claims where server_id = ${server.id}`
    expect((await remove(id)).status).toBe(204)
    expect((await remove(id)).status).toBe(404)
  })

  test('is by UUID from 2.53 on, before by a number that only one service has', async () => {
    expect((await remove('7')).status).toBe(400)
    expect((await remove('x', '2.52')).status).toBe(400)
    expect((await remove(crypto.randomUUID())).status).toBe(404)
    expect((await remove('999999', '2.52')).status).toBe(404)
    // The first service of the whole cloud, and the first one of the cell.
    expect((await remove('1', '2.52')).status).toBe(400)
    await reportServices(api.databases.global, 'nova-scheduler', ['gone'], new Date())
    expect((await remove((await serviceOf('gone')).id)).status).toBe(204)
    expect(await services('?host=gone')).toEqual([])
  })
})
