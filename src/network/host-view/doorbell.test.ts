import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { quietLog, type TestDatabases, testDatabases } from '../../../test/support/database.ts'
import { networksPush, type Vif } from '../../contracts/index.ts'
import { newHexId, newId } from '../../kernel/index.ts'
import { createNetworks, type Networks, type Viewer } from '../index.ts'

let databases: TestDatabases
let networks: Networks
let rung: string[]
const viewer: Viewer = { project_id: newHexId(), all: false }
const { project_id } = viewer
const ON = { inside: '', subnet: '', other: '', outside: '', group: '', rule: '' }
let here: Vif
let there: Vif

const boot = (network_id: string, host: string, server_id = newId()): Promise<Vif[]> =>
  networks.allocateForServer({ server_id, project_id, host, requests: [{ network_id }], security_groups: [] })

async function network(cidr: string, external = false): Promise<[string, string]> {
  const [made] = await networks.networks.create(viewer, [{ name: 'n', project_id, external }])
  const [subnet] = await networks.subnets.create(viewer, [{ network_id: made!.id, project_id, cidr, ip_version: 4 }])
  return [made!.id, subnet!.id]
}

beforeAll(async () => {
  databases = await testDatabases()
  const hostsChanged = (hosts: readonly string[]): void => void rung.push(...hosts)
  networks = createNetworks({ db: databases.global, externalCidr: null, hostsChanged, log: quietLog })
  rung = []
  for (const host of ['here', 'there']) await networks.hostNetworks(host)
  ;[ON.inside, ON.subnet] = await network('10.1.0.0/24')
  ;[ON.other] = await network('10.2.0.0/24')
  ;[ON.outside] = await network('198.51.100.0/24', true)
  here = (await boot(ON.inside, 'here'))[0]!
  there = (await boot(ON.other, 'there'))[0]!
  ON.group = (await networks.securityGroups.create(viewer, { project_id, name: 'web', description: '' })).id
})
afterAll(() => databases.drop())
beforeEach(() => {
  rung = []
})

test('a port rings for its host, and for the hosts that let its group in', async () => {
  const server = newId()
  await boot(ON.inside, 'elsewhere', server)
  // All are in the default group, which lets its own members in.
  expect(rung.toSorted()).toEqual(['here', 'there'])
  rung = []
  await networks.releaseForServer(server)
  expect(rung.toSorted()).toEqual(['here', 'there'])
})

test('a rule rings for the hosts of its group, when it comes and when it goes', async () => {
  await networks.ports.update(viewer, here.port_id, { security_groups: [ON.group] })
  rung = []
  const rule = await networks.securityGroups.createRule(viewer, {
    security_group_id: ON.group,
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 'tcp',
    port_range_min: 22,
    port_range_max: 22,
    remote_ip_prefix: null,
    remote_group_id: null,
    description: '',
  })
  expect(rung).toEqual(['here'])
  await networks.securityGroups.removeRule(viewer, rule.id)
  expect(rung).toEqual(['here', 'here'])
})

test('a network, its subnet, its router and its floating addresses ring for the hosts on it', async () => {
  await networks.networks.update(viewer, ON.inside, { mtu: 1400 })
  await networks.subnets.update(viewer, ON.subnet, { dns_nameservers: ['9.9.9.9'] })
  expect(rung).toEqual(['here', 'here'])
  rung = []
  const router = await networks.routers.create(viewer, { project_id, gateway: { network_id: ON.outside } })
  await networks.routers.addInterface(viewer, router.id, { subnet_id: ON.subnet })
  expect(rung).toEqual(['here'])
  const floating = await networks.floatingIps.create(viewer, {
    project_id,
    floating_network_id: ON.outside,
    port_id: here.port_id,
  })
  await networks.floatingIps.update(viewer, floating.id, { port_id: null })
  expect(rung).toEqual(['here', 'here', 'here'])
  expect(there.network_id).toBe(ON.other)
})

test('nobody is rung for who never asked', async () => {
  await boot(ON.inside, 'elsewhere')
  expect(rung).not.toContain('elsewhere')
})

test('what a host is told fits the contract, with its router and its own addresses', async () => {
  const told = await networks.hostNetworks('here')
  expect(networksPush.parse({ push: 'networks', networks: told }).networks).toEqual(told)
  expect(told.ports.map((port) => port.id)).toEqual([here.port_id])
  expect(told.routers).toMatchObject([{ external: true, snat: true }])
  expect(told.networks).toMatchObject([
    { id: ON.inside, mtu: 1400, router_id: told.routers[0]!.id, subnets: [{ service_ip: '10.1.0.1' }] },
  ])
  expect((await networks.hostNetworks('here')).as_of).toBeGreaterThan(told.as_of)
})
