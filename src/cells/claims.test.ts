import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { acceptedServer, TEST_FLAVOR } from '../../test/support/cell.ts'
import { type TestDatabases, testDatabases } from '../../test/support/database.ts'
import { newId } from '../kernel/index.ts'
import type { CellDb, CellSql, Fragment, GlobalSql } from '../platform/db/index.ts'
import { claim, lockHosts, place, recordClaim, releaseClaims } from './claims.store.ts'
import { reportInventory } from './hosts.store.ts'
import { accept, forget, quotaUsage, settleInCell, withdraw } from './mappings.store.ts'
import type { Server } from './server.ts'

let databases: TestDatabases
let cell: CellDb
beforeAll(async () => {
  databases = await testDatabases()
  cell = databases.cells.get('cell1')!
})
afterAll(() => databases.drop())

const PLACES = 5
const UNLIMITED = { instances: -1, cores: -1, memory_mb: -1 }
let hosts: number[]
beforeEach(async () => {
  hosts = [await addHost(), await addHost()]
})

function addHost(): Promise<number> {
  const node_id = newId()
  return reportInventory(cell, `host-${node_id}`, {
    node_id,
    hypervisor_hostname: `host-${node_id}`,
    host_ip: '127.0.0.1',
    hypervisor_type: 'fake',
    hypervisor_version: 1,
    cpu_info: {},
    supported_instances: [],
    vcpus: PLACES,
    memory_mb: 65536,
    local_gb: 1000,
    reserved_vcpus: 0,
    reserved_memory_mb: 0,
    reserved_disk_gb: 0,
    cpu_allocation_ratio: 1,
    ram_allocation_ratio: 1,
    disk_allocation_ratio: 1,
  } as never)
}

/** The statement that adds the task of a server, as `place` and `accept` take it. */
const task = (sql: CellSql | GlobalSql, server: Server): Fragment => sql`
  insert into tasks (id, kind, subject, request_id, input, deadline_at)
  select ${newId()}::uuid, 'test', ${server.id}, 'req-1', '{}'::jsonb, now()`

async function placeOn(hostId: number, server = acceptedServer({ project_id: 'p' })): Promise<Server | null> {
  const action = {
    server_id: server.id,
    action: 'create',
    request_id: 'req-1',
    user_id: 'user',
    project_id: server.project_id,
    start_time: new Date(),
  }
  return (await place(cell, server, hostId, action, task(cell.sql, server))) ? server : null
}

async function used(hostId: number): Promise<object> {
  const [row] = await cell.sql`
    select vcpus_used, memory_mb_used, disk_gb_used, running_vms from hosts where id = ${hostId}`
  return { ...row }
}
const holding = (servers: number): object => ({
  vcpus_used: servers * TEST_FLAVOR.vcpus,
  memory_mb_used: servers * TEST_FLAVOR.memory_mb,
  disk_gb_used: servers * TEST_FLAVOR.root_gb,
  running_vms: servers,
})

test('a host is filled and not one server more, whoever asks at once', async () => {
  const placed = await Promise.all(Array.from({ length: 20 }, () => placeOn(hosts[0]!)))
  expect(placed.filter((server) => server !== null)).toHaveLength(PLACES)
  expect(await used(hosts[0]!)).toEqual(holding(PLACES))
})

test('a server that finds no room leaves nothing', async () => {
  const server = acceptedServer({ flavor: { ...TEST_FLAVOR, vcpus: PLACES + 1 } })
  expect(await placeOn(hosts[0]!, server)).toBeNull()
  expect(await cell.sql`select id from servers where id = ${server.id}`).toHaveLength(0)
  expect(await cell.sql`select id from tasks where subject = ${server.id}`).toHaveLength(0)
  expect(await cell.sql`select id from instance_actions where server_id = ${server.id}`).toHaveLength(0)
})

test('what is released twice, also at once, is given back once', async () => {
  const one = (await placeOn(hosts[0]!))!
  await placeOn(hosts[0]!)
  const release = (): Promise<number[]> => cell.transaction((tx) => releaseClaims(tx, one.id))
  const changed = await Promise.all([release(), release(), release()])
  expect(changed.flat()).toEqual([hosts[0]!])
  expect(await release()).toEqual([])
  expect(await used(hosts[0]!)).toEqual(holding(1))
})

test('servers that change places do not wait for each other', async () => {
  const [left, right] = hosts as [number, number]
  const one = (await placeOn(left))!
  const two = (await placeOn(right))!
  const move = (server: Server, to: number): Promise<void> =>
    cell.transaction(async (tx) => {
      await lockHosts(tx, server.id, [to])
      await releaseClaims(tx, server.id)
      // Long enough for the other to have come as far.
      await tx`select pg_sleep(0.02)`
      expect(await claim(tx, to, server.flavor)).not.toBeNull()
      await recordClaim(tx, server.id, to, server.flavor)
    })
  const deadlocks = async (): Promise<number> => {
    const [row] = await cell.sql<{ n: number }[]>`
      select deadlocks as n from pg_stat_database where datname = current_database()`
    return row!.n
  }
  const before = await deadlocks()
  for (let round = 0; round < 4; round++) {
    await Promise.all(round % 2 === 0 ? [move(one, right), move(two, left)] : [move(one, left), move(two, right)])
  }
  await cell.sql`select pg_stat_force_next_flush()`
  expect(await deadlocks()).toBe(before)
  expect([await used(left), await used(right)]).toEqual([holding(1), holding(1)])
})

async function acceptOne(project_id: string, limits = UNLIMITED): Promise<Server | null> {
  const server = acceptedServer({ project_id })
  try {
    await accept(databases.global, [server], { project: limits, user: null }, task(databases.global.sql, server))
    return server
  } catch (error) {
    expect(error).toMatchObject({ kind: 'over_quota' })
    return null
  }
}
const usage = (project: string) => quotaUsage(databases.global.sql, project)
const counted = (servers: number): Awaited<ReturnType<typeof usage>> => ({
  instances: servers,
  cores: servers * TEST_FLAVOR.vcpus,
  memory_mb: servers * TEST_FLAVOR.memory_mb,
})

test('a quota is used up exactly by requests at once, the first of the project among them', async () => {
  const project = newId()
  const accepted = await Promise.all(Array.from({ length: 20 }, () => acceptOne(project, { ...UNLIMITED, cores: 7 })))
  expect(accepted.filter((server) => server !== null)).toHaveLength(7)
  expect(await usage(project)).toEqual(counted(7))
})

test('a request that is refused for its quota leaves nothing', async () => {
  const project = newId()
  expect(await acceptOne(project, { ...UNLIMITED, instances: 0 })).toBeNull()
  expect(await databases.global.sql`select 1 from server_mappings where project_id = ${project}`).toHaveLength(0)
  expect(await databases.global.sql`select 1 from accepted_servers where project_id = ${project}`).toHaveLength(0)
})

test('a server that is withdrawn, settled and forgotten at once gives its quota back once', async () => {
  const { global } = databases
  const project = newId()
  const servers = await Promise.all(Array.from({ length: 16 }, () => acceptOne(project)))
  await Promise.all(
    servers.map(async (server, index) => {
      const { id } = server!
      const [settled, withdrawn] = await Promise.all([
        global.transaction((tx) => settleInCell(tx, id, 'cell1')),
        global.transaction((tx) => withdraw(tx, id)),
      ])
      expect(settled).not.toBe(withdrawn)
      if (index % 2 === 0) return
      await Promise.all([0, 1, 2].map(() => global.transaction((tx) => forget(tx, id))))
    }),
  )
  const left = await global.sql`select server_id from server_mappings where project_id = ${project}`
  expect(await usage(project)).toEqual(counted(left.length))
  await Promise.all(left.map((row) => global.transaction((tx) => forget(tx, row.server_id as string))))
  expect(await usage(project)).toEqual(counted(0))
})

test('a claim touches no index of the hosts: their rows are written with every server', async () => {
  const [written] = await cell.transaction(async (tx) => {
    await claim(tx, hosts[0]!, TEST_FLAVOR)
    return tx<{ written: number; hot: number }[]>`
      select n_tup_upd as written, n_tup_hot_upd as hot
      from pg_stat_xact_user_tables where relid = 'hosts'::regclass`
  })
  expect(written!.written).toBeGreaterThan(0)
  expect(written!.hot).toBe(written!.written)
})
