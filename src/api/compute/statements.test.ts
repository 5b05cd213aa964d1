import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, type Person, startComputeApi } from '../../../test/support/compute-api.ts'
import { openTestDatabases } from '../../../test/support/database-templates.ts'
import { testDatabases } from '../../../test/support/database.ts'
import { beginAction, finishAction, type Server } from '../../cells/index.ts'

let api: ComputeApi
let statements = 0
let server: Server

const MANY = 9

/** One more of everything that lists show, told from others by its index. */
async function addOneOfEach(index: number): Promise<void> {
  await api.addHost(`host-${index}`)
  await api.databases.global.sql`insert into host_mappings (host, cell_id) values (${`host-${index}`}, 'cell1')`
  const added = await api.addServer({ name: `server-${index}`, host: `host-${index}`, node: `host-${index}.example` })
  server ??= added
  const start_time = new Date()
  const request_id = `req-${crypto.randomUUID()}`
  await api.cells.get('cell1').transaction(async (tx) => {
    const { id: server_id, user_id, project_id } = server
    await beginAction(tx, { server_id, action: 'reboot', request_id, user_id, project_id, start_time })
    await finishAction(tx, server_id, request_id, { event: 'compute_reboot_instance', host: 'host-0', start_time, result: 'Success', details: null })
  })
  const made = [
    await api.ask('POST', '/flavors', {
      as: 'admin',
      body: { flavor: { name: `flavor-${index}`, id: `flavor-${index}`, ram: 64, vcpus: 1, disk: 1 } },
    }),
    await api.ask('POST', `/flavors/flavor-${index}/os-extra_specs`, {
      as: 'admin',
      body: { extra_specs: { 'hw:cpu_policy': 'shared' } },
    }),
    await api.ask('POST', '/os-keypairs', { v: '2.10', body: { keypair: { name: `key-${index}`, public_key: KEY } } }),
    await api.ask('POST', '/os-server-groups', {
      v: '2.64',
      body: { server_group: { name: `group-${index}`, policy: 'affinity' } },
    }),
    await api.ask('POST', '/os-aggregates', { as: 'admin', body: { aggregate: { name: `aggregate-${index}` } } }),
  ]
  for (const answer of made) if (answer.status >= 300) throw new Error(JSON.stringify(answer.body))
  const { id } = made.at(-1)!.body.aggregate
  await api.ask('POST', `/os-aggregates/${id}/action`, { as: 'admin', body: { add_host: { host: `host-${index}` } } })
}

const KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBeIgYjHVxgLrVNr8zbBcaHRlmLJSpJcZ5XYwJNHe9hF someone@example'

const LISTS: readonly (readonly [path: string, key: string, v: string, as: Person])[] = [
  ['/servers', 'servers', '2.1', 'member'],
  ['/servers/detail', 'servers', '2.1', 'member'],
  ['/servers/detail?all_tenants=1', 'servers', '2.96', 'admin'],
  ['/servers/detail?sort_key=display_name&status=ACTIVE', 'servers', '2.73', 'member'],
  ['/flavors', 'flavors', '2.1', 'member'],
  ['/flavors/detail', 'flavors', '2.61', 'admin'],
  ['/os-keypairs', 'keypairs', '2.35', 'member'],
  ['/os-server-groups', 'server_groups', '2.64', 'member'],
  ['/os-aggregates', 'aggregates', '2.41', 'admin'],
  ['/os-services', 'services', '2.53', 'admin'],
  ['/os-hypervisors/detail', 'hypervisors', '2.53', 'admin'],
  ['/os-hypervisors/detail?with_servers=true', 'hypervisors', '2.53', 'admin'],
  ['/os-availability-zone/detail', 'availabilityZoneInfo', '2.1', 'admin'],
  ['/servers/SERVER/os-instance-actions', 'instanceActions', '2.58', 'member'],
  ['/os-simple-tenant-usage?detailed=1', 'tenant_usages', '2.40', 'admin'],
]

/** Statements of a second request: the first may fill what is kept. */
async function statementsOf([path, key, v, as]: (typeof LISTS)[number]): Promise<{ count: number; shown: number }> {
  const ask = () => api.ask('GET', path.replace('SERVER', server.id), { v, as })
  await ask()
  const before = statements
  const answer = await ask()
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return { count: statements - before, shown: JSON.stringify(answer.body[key]).length }
}

beforeAll(async () => {
  const made = await testDatabases()
  const opened = await openTestDatabases(made.connections.global, made.connections.cell1, () => void statements++)
  api = await startComputeApi({}, { ...made, ...opened, drop: () => opened.close().then(() => made.drop()) })
  await addOneOfEach(0)
})
afterAll(() => api.stop())

describe('a list takes as many statements for many entries as for one', () => {
  const few = new Map<string, { count: number; shown: number }>()
  beforeAll(async () => {
    for (const list of LISTS) few.set(list[0], await statementsOf(list))
    for (let index = 1; index <= MANY; index++) await addOneOfEach(index)
  })
  for (const list of LISTS) {
    test(`GET ${list[0]}`, async () => {
      const one = few.get(list[0])!
      const many = await statementsOf(list)
      expect(one.count).toBeGreaterThan(0)
      expect(many.shown).toBeGreaterThan(one.shown)
      expect(many.count).toBe(one.count)
    })
  }
})
