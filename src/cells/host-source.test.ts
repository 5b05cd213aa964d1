import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type TestCell, startTestCell } from '../../test/support/cell.ts'
import type { HostRow } from '../contracts/index.ts'
import { releaseClaims } from './claims.store.ts'
import { hostSource } from './host-source.ts'
import { touchHosts } from './hosts.store.ts'

let cell: TestCell
beforeAll(async () => {
  cell = await startTestCell({ hosts: 2 })
})
afterAll(() => cell.stop())

const source = () => hostSource(cell.databases.global, cell.cells.get('cell1'), 'nova')
const read = async (): Promise<HostRow[]> =>
  (await source().hostsSince(null)).hosts.toSorted((left, right) => left.id - right.id)
const db = () => cell.cells.get('cell1')

test('a host comes with what its hypervisor can run', async () => {
  const [host] = await read()
  expect(host?.cpu_info).toHaveProperty('arch')
  expect(host?.supported_instances).toContainEqual(['x86_64', 'qemu', 'hvm'])
})

test('a host comes with the metadata of its aggregates, the zone among it, oldest aggregate first', async () => {
  const { sql } = cell.databases.global
  const [host] = await read()
  for (const [name, metadata] of [['fast', { ssd: 'true' }], ['east', { availability_zone: 'az1' }], ['bare', {}]] as const) {
    const [row] = await sql<{ id: number }[]>`
      insert into aggregates (uuid, name, metadata) values (gen_random_uuid(), ${name}, ${sql.json(metadata)})
      returning id`
    await sql`insert into aggregate_hosts (aggregate_id, host) values (${row!.id}, ${host!.host})`
  }
  const { marker } = await source().hostsSince(null)
  await touchHosts(db(), [host!.host])
  expect((await source().hostsSince(marker)).hosts.find(({ id }) => id === host!.id)).toMatchObject({
    aggregates: [{ ssd: 'true' }, { availability_zone: 'az1' }],
    availability_zone: 'az1',
  })
  expect((await read())[1]).toMatchObject({ aggregates: [], availability_zone: 'nova' })
})

test('where it is asked for, a host comes with the flavors of its servers and the properties of their images', async () => {
  const asking = hostSource(cell.databases.global, db(), 'nova', { flavors: true, image_properties: true })
  const told = async (host: string | null) => {
    const { hosts } = await asking.hostsSince(null)
    return hosts.filter((each) => each.host === host).map(({ flavors, image_properties }) => ({ flavors, image_properties }))
  }
  const [idle] = await read()
  expect(idle).not.toHaveProperty('flavors')
  expect(await told(idle!.host)).toEqual([{ flavors: [], image_properties: {} }])
  const { id } = await cell.create()
  await cell.settled()
  const { server } = (await cell.cells.find(id))!
  const image = { ...server.image, properties: { os_distro: 'debian', hw_machine_type: 'q35' } }
  await db().sql`update servers set image = ${db().sql.json(image as never)} where id = ${id}`
  expect(await told(server.host)).toEqual([
    { flavors: [server.flavor.id], image_properties: { 'os_distro=debian': 1, 'hw_machine_type=q35': 1 } },
  ])
  await cell.remove(id)
  await cell.settled()
  expect(await told(server.host)).toEqual([{ flavors: [], image_properties: {} }])
})

test('servers that are built or copied count as io_ops of their host, others do not', async () => {
  const { id } = await cell.create()
  await cell.settled()
  const { server } = (await cell.cells.find(id))!
  const ioOps = async () => (await read()).find(({ host }) => host === server.host)?.io_ops
  expect(await ioOps()).toBe(0)
  await db().sql`update servers set task_state = 'image_snapshot' where id = ${id}`
  expect(await ioOps()).toBe(1)
  await db().sql`update servers set task_state = null, vm_state = 'building' where id = ${id}`
  expect(await ioOps()).toBe(1)
  await db().sql`update servers set vm_state = 'active' where id = ${id}`
})

test('a build that succeeds makes a host forget those that failed', async () => {
  await db().sql`update hosts set failed_builds = 3, changed_in = pg_current_xact_id()`
  const { id } = await cell.create()
  await cell.settled()
  const { server } = (await cell.cells.find(id))!
  const counts = (await read()).map(({ host, failed_builds }) => [host === server.host, failed_builds])
  expect(counts).toContainEqual([true, 0])
  expect(counts).toContainEqual([false, 3])
})

test('a claim given back by a failed build counts against its host, one that is merely given back does not', async () => {
  for (const failedBuild of [false, true]) {
    const { id } = await cell.create()
    await cell.settled()
    await db().sql`update hosts set failed_builds = 0`
    await db().transaction((tx) => releaseClaims(tx, id, { failedBuild }))
    expect((await read()).reduce((sum, host) => sum + host.failed_builds, 0)).toBe(Number(failedBuild))
  }
})
