import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ComputeApi, OTHER_PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'
import { openTestDatabases } from '../../../test/support/database-templates.ts'
import { type TestDatabases, testDatabases } from '../../../test/support/database.ts'
import { reportServices, type Server } from '../../cells/index.ts'

/** cell1 in a database of its own, behind a link to the server's socket: without the link it is away. */
let databases: TestDatabases
let directory: string
let socket: string
let api: ComputeApi
let server: Server

const urlOf = (connection: string): URL => new URL(connection.replace('@/', '@localhost/'))

async function away(): Promise<void> {
  unlinkSync(socket)
  await databases.global.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = ${urlOf(databases.connections.cell1).pathname.slice(1)}`
}

const back = (): void => symlinkSync(urlOf(databases.connections.cell1).searchParams.get('host')!, socket)

beforeAll(async () => {
  const made = await testDatabases({ separate: true })
  const { global, cell1 } = made.connections
  directory = mkdtempSync(join(tmpdir(), 'bunova-unreachable-'))
  socket = join(directory, 'socket')
  symlinkSync(urlOf(cell1).searchParams.get('host')!, socket)
  const opened = await openTestDatabases(global, cell1.replace(/host=[^&]*/, `host=${socket}`))
  databases = { ...made, ...opened, drop: () => opened.close().then(() => made.drop()) }
  api = await startComputeApi({}, databases)
  server = await api.addServer({ name: 'far' })
  await api.addServer({ project_id: OTHER_PROJECT })
  await databases.global.sql`insert into host_mappings (host, cell_id) values ('cmp1', 'cell1')`
  await reportServices(databases.global, 'nova-conductor', ['ctl'], new Date())
  await reportServices(api.cells.get('cell1'), 'nova-compute', ['cmp1'], new Date())
  await away()
})
afterAll(async () => {
  await api.stop()
  rmSync(directory, { recursive: true, force: true })
})

const get = (path: string, v: string, as: 'member' | 'admin' | 'stranger' = 'member') => api.ask('GET', path, { as, v })

describe('a server whose cell cannot be reached', () => {
  test('is left out of lists until 2.69', async () => {
    for (const path of ['/servers', '/servers/detail']) {
      const { status, body } = await get(path, '2.68')
      expect([path, status, body]).toEqual([path, 200, { servers: [] }])
    }
  })

  test('is in lists, with what is known of it, from 2.69 on', async () => {
    const { body: brief } = await get('/servers', '2.69')
    expect(brief.servers).toEqual([{ id: server.id, status: 'UNKNOWN', links: expect.any(Array) }])
    const { body: detail } = await get('/servers/detail', '2.69')
    expect(Object.keys(detail.servers[0]).sort()).toEqual(['created', 'id', 'links', 'status', 'tenant_id'])
    expect(detail.servers[0]).toMatchObject({ id: server.id, status: 'UNKNOWN', tenant_id: server.project_id })
  })

  test('is seen by its own project, and by admins who ask for all', async () => {
    const { body: own } = await get('/servers', '2.69', 'stranger')
    expect(own.servers).toHaveLength(1)
    expect(own.servers[0].id).not.toBe(server.id)
    const { body: all } = await get('/servers?all_tenants=1', '2.69', 'admin')
    expect(all.servers).toHaveLength(2)
    const { body: one } = await get('/servers?all_tenants=1&limit=1', '2.69', 'admin')
    expect(one.servers).toHaveLength(1)
  })

  test('matches no filter that its cell would have to answer', async () => {
    for (const query of ['name=far', 'status=ACTIVE', 'tags=blue', 'changes-since=2020-01-01', 'ip=10']) {
      const { status, body } = await get(`/servers?${query}`, '2.69')
      expect([query, status, body.servers]).toEqual([query, 200, []])
    }
  })

  test('is shown in part from 2.69 on, and before that not for the time being', async () => {
    expect((await get(`/servers/${server.id}`, '2.68')).status).toBe(503)
    const { status, body } = await get(`/servers/${server.id}`, '2.69')
    expect(status).toBe(200)
    expect(body.server).toEqual({
      id: server.id,
      status: 'UNKNOWN',
      tenant_id: server.project_id,
      user_id: server.user_id,
      created: `${server.created_at.toISOString().slice(0, 19)}Z`,
      links: expect.any(Array),
      image: { id: server.image_id, links: expect.any(Array) },
      flavor: expect.objectContaining({ original_name: 'm1.nano', vcpus: 1, ram: 64 }),
      'OS-EXT-AZ:availability_zone': 'UNKNOWN',
      'OS-EXT-STS:power_state': 0,
    })
    expect((await get(`/servers/${server.id}`, '2.71')).body.server.server_groups).toEqual([])
    expect((await get(`/servers/${server.id}`, '2.69', 'stranger')).status).toBe(404)
  })

  test('cannot be changed', async () => {
    const { status } = await api.ask('POST', `/servers/${server.id}/action`, { v: '2.69', body: { 'os-stop': null } })
    expect(status).toBe(503)
  })
})

test('services of a cell that cannot be reached are listed by host from 2.69 on', async () => {
  const hosts = async (v: string, query = '') => (await get(`/os-services${query}`, v, 'admin')).body.services
  expect((await hosts('2.68')).map(({ host }: { host: string }) => host)).toEqual(['ctl'])
  expect((await hosts('2.69')).at(-1)).toEqual({ binary: 'nova-compute', host: 'cmp1', status: 'UNKNOWN' })
  expect(await hosts('2.69', '?binary=nova-scheduler')).toEqual([])
})

test('a new server can be asked for while a cell is away, and is listed whole', async () => {
  const body = { server: { name: 'new', flavorRef: '1', imageRef: server.image_id, networks: 'none' } }
  const created = await api.ask('POST', '/servers', { v: '2.69', body })
  expect(created.status).toBe(202)
  const { body: list } = await get('/servers/detail', '2.69')
  expect(list.servers.map(({ status }: { status: string }) => status)).toEqual(['BUILD', 'UNKNOWN'])
})

test('it is whole again when its cell is back', async () => {
  back()
  const { status, body } = await get(`/servers/${server.id}`, '2.69')
  expect([status, body.server.status]).toEqual([200, 'ACTIVE'])
})
