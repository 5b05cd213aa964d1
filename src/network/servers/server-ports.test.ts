import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { quietLog, type TestDatabases, testDatabases } from '../../../test/support/database.ts'
import { Vif } from '../../contracts/index.ts'
import { newHexId, newId, type RequestContext } from '../../kernel/index.ts'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { createNetworks, type Network, type Networks, type NetworkRequests, type Viewer } from '../index.ts'

describe('the ports of servers', () => {
  let databases: TestDatabases
  let networks: Networks
  let project: string

  beforeAll(async () => {
    databases = await testDatabases()
    networks = createNetworks({ db: databases.global, externalCidr: null, log: quietLog })
  })
  afterAll(() => databases.drop())
  beforeEach(() => {
    project = newHexId()
  })

  const viewer = (): Viewer => ({ project_id: project, all: false })

  async function network(cidr?: string, fields: { shared?: boolean; external?: boolean } = {}): Promise<Network> {
    const [made] = await networks.networks.create(viewer(), [{ name: 'net', project_id: project, ...fields }])
    if (!made) throw new Error('no network')
    if (cidr) {
      const ip_version = cidr.includes(':') ? 6 : 4
      await networks.subnets.create(viewer(), [{ network_id: made.id, project_id: project, cidr, ip_version }])
    }
    return made
  }

  const allocate = (requests: NetworkRequests, server_id = newId(), security_groups: string[] = []) =>
    networks.allocateForServer({ server_id, project_id: project, host: 'compute1', requests, security_groups })

  const portsOf = async (serverId: string) => {
    const listing = { filters: new Map([['device_id', [serverId]]]), sort: [], limit: null, marker: null }
    return (await networks.ports.list({ ...viewer(), all: true }, listing, { ip_addresses: null, subnet_ids: null }))
      .items
  }

  const reason = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    )

  test('are made on the project’s only network when nothing is asked for', async () => {
    const { id } = await network('10.1.0.0/24')
    const server = newId()
    const vifs = await allocate('auto', server)
    expect(vifs).toMatchObject([{ network_id: id, network_label: 'net', mtu: 1500 }])
    expect(vifs[0]?.fixed_ips).toMatchObject([{ gateway_ip: '10.1.0.1', prefix_length: 24 }])
    expect(vifs[0]?.fixed_ips[0]?.ip_address).toMatch(/^10\.1\.0\.\d+$/)
    expect(TypeCompiler.Compile(Vif).Check(vifs[0])).toBe(true)
    expect(await portsOf(server)).toMatchObject([
      { device_owner: 'compute:nova', binding_host: 'compute1', status: 'ACTIVE', project_id: project },
    ])
  })

  test('are none without a network, and refused for choosing among several', async () => {
    expect(await allocate('auto')).toEqual([])
    expect(await allocate('none')).toEqual([])
    await network('10.1.0.0/24')
    await network('10.2.0.0/24')
    expect(await allocate('none')).toEqual([])
    expect(await reason(allocate('auto'))).toMatchObject({
      kind: 'conflict',
      message: 'Multiple possible networks found, use a Network ID to be more specific.',
    })
  })

  test('stay what they are when asked for again, even at the same time', async () => {
    const { id } = await network('10.1.0.0/24')
    const server = newId()
    const requests = [{ network_id: id }, { network_id: id }]
    const answers = await Promise.all([1, 2, 3, 4].map(() => allocate(requests, server)))
    expect(answers[0]).toHaveLength(2)
    for (const answer of answers) expect(answer).toEqual(answers[0] ?? [])
    expect(await portsOf(server)).toHaveLength(2)
  })

  test('keep the order of the requests', async () => {
    const nets = [await network('10.1.0.0/24'), await network('10.2.0.0/24'), await network('10.3.0.0/24')]
    const vifs = await allocate(nets.toReversed().map(({ id }) => ({ network_id: id })))
    expect(vifs.map((vif) => vif.network_id)).toEqual(nets.toReversed().map(({ id }) => id))
  })

  test('have one address of each IP version', async () => {
    const { id } = await network('10.1.0.0/24')
    await networks.subnets.create(viewer(), [
      { network_id: id, project_id: project, cidr: '2001:db8::/64', ip_version: 6 },
      { network_id: id, project_id: project, cidr: '10.2.0.0/24', ip_version: 4 },
    ])
    const [vif] = await allocate([{ network_id: id }])
    expect(vif?.fixed_ips.map(({ prefix_length }) => prefix_length)).toEqual([24, 64])
    expect(vif?.fixed_ips[1]?.ip_address).toStartWith('2001:db8::')
  })

  test('never share an address, and end with a clear refusal when all are taken', async () => {
    const { id } = await network('10.1.0.0/26')
    const wanted = Array.from({ length: 70 }, () => reason(allocate([{ network_id: id }])))
    const errors = (await Promise.all(wanted)).filter((error) => error !== undefined)
    // 64 addresses less network, broadcast and gateway.
    expect(errors).toHaveLength(70 - 61)
    for (const error of errors) {
      expect(error).toMatchObject({ kind: 'conflict', details: { type: 'IpAddressGenerationFailure' } })
    }
    const [row] = await databases.global.sql`
      select count(*) as ports, count(distinct ip_address) as addresses,
        bool_and(ip_address between '10.1.0.2' and '10.1.0.62') as usable
      from ip_allocations join ports on ports.id = port_id where network_id = ${id}`
    expect(row).toEqual({ ports: 61, addresses: 61, usable: true })
  })

  test('find the last free addresses wherever they are, and use those of the next subnet after them', async () => {
    const { id } = await network('10.1.0.0/28')
    const servers = Array.from({ length: 13 }, () => newId())
    await Promise.all(servers.map((server) => allocate([{ network_id: id }], server)))
    await networks.releaseForServer(servers[4] ?? '')
    const [again] = await allocate([{ network_id: id }])
    expect(again?.fixed_ips).toHaveLength(1)
    await networks.subnets.create(viewer(), [
      { network_id: id, project_id: project, cidr: '10.9.0.0/29', ip_version: 4 },
    ])
    const [next] = await allocate([{ network_id: id }])
    expect(next?.fixed_ips[0]?.ip_address).toStartWith('10.9.0.')
  })

  test('have the address that was asked for, or none at all', async () => {
    const { id } = await network('10.1.0.0/24')
    const [vif] = await allocate([{ network_id: id, fixed_ip: '10.1.0.77' }])
    expect(vif?.fixed_ips[0]?.ip_address).toBe('10.1.0.77')
    const second = newId()
    const both = allocate([{ network_id: id }, { network_id: id, fixed_ip: '10.1.0.77' }], second)
    expect(await reason(both)).toMatchObject({ kind: 'conflict', details: { type: 'IpAddressInUse' } })
    expect(await portsOf(second)).toEqual([])
    for (const fixed_ip of ['10.2.0.1', '10.1.0.0', '10.1.0.255', '10.1.0.1', 'nowhere']) {
      expect(await reason(allocate([{ network_id: id, fixed_ip }]))).toMatchObject({ kind: 'bad_request' })
    }
  })

  test('include existing ports, which are given back rather than deleted', async () => {
    const { id } = await network('10.1.0.0/24')
    const [port] = await networks.ports.create(viewer(), [{ network_id: id, project_id: project }])
    const server = newId()
    const requests = [{ network_id: id }, { port_id: port?.id ?? '' }]
    const vifs = await allocate(requests, server)
    expect(vifs[1]?.port_id).toBe(port?.id ?? '')
    expect(await allocate(requests, server)).toEqual(vifs)
    expect(await reason(allocate([{ port_id: port?.id ?? '' }]))).toMatchObject({
      kind: 'conflict',
      message: `Port ${port?.id} is still in use.`,
    })
    await networks.bindHost(server, 'compute2')
    expect((await portsOf(server)).map((each) => each.binding_host)).toEqual(['compute2', 'compute2'])
    await networks.releaseForServer(server)
    await networks.releaseForServer(server)
    expect(await portsOf(server)).toEqual([])
    expect(await networks.ports.show(viewer(), port?.id ?? '')).toMatchObject({
      device_id: '',
      binding_host: '',
      status: 'DOWN',
    })
  })

  test('leave nothing when they are released', async () => {
    const { id } = await network('10.1.0.0/24')
    const server = newId()
    await allocate([{ network_id: id }], server)
    await networks.releaseForServer(server)
    const [row] = await databases.global.sql`
      select
        (select count(*) from ports where network_id = ${id}) as ports,
        (
          select count(*) from ip_allocations join subnets on subnets.id = subnet_id where network_id = ${id}
        ) as addresses`
    expect(row).toEqual({ ports: 0, addresses: 0 })
    await networks.networks.remove(viewer(), id)
  })

  test('are in the groups asked for by name or id, else in the default group, which is made once', async () => {
    const { id } = await network('10.1.0.0/24')
    const group = await networks.securityGroups.create(viewer(), { name: 'web', description: '', project_id: project })
    const servers = Array.from({ length: 8 }, () => newId())
    await Promise.all(servers.map((server) => allocate([{ network_id: id }], server)))
    const rows = await databases.global
      .sql`select id from security_groups where project_id = ${project} and name = 'default'`
    expect(rows).toHaveLength(1)
    const named = newId()
    await allocate([{ network_id: id }], named, ['default', 'web', group.id])
    const [port] = await portsOf(named)
    expect(port?.security_groups.toSorted()).toEqual([group.id, rows[0]?.id].toSorted())
    expect(await reason(allocate([{ network_id: id }], newId(), ['nope']))).toMatchObject({
      kind: 'bad_request',
      message: 'Security group nope not found.',
    })
  })

  test('tell their security groups, with the groups that these let in', async () => {
    const { id } = await network('10.1.0.0/24')
    const server = newId()
    await allocate('auto', server)
    const [group, ...others] = await networks.groupsOfServer(server)
    expect([group?.name, group?.project_id, others]).toEqual(['default', project, []])
    expect(group!.rules.filter(({ direction }) => direction === 'ingress')).toMatchObject(
      ['IPv4', 'IPv6'].map((ethertype) => ({
        ethertype,
        protocol: null,
        remote_ip_prefix: null,
        remote_group: { name: 'default', project_id: project },
      })),
    )
    expect(group!.rules.filter(({ direction }) => direction === 'egress')).toHaveLength(2)
    expect(await networks.groupsOfServer(newId())).toEqual([])
    const ctx = { projectId: project, isAdmin: false } as RequestContext
    const meant = await networks.validateRequests(ctx, [{ network_id: id }], [group!.id])
    expect(meant).toEqual([{ id: group!.id, name: 'default' }])
  })

  test('are refused before a server is accepted, in Nova’s words', async () => {
    const ctx = { projectId: project, isAdmin: false } as RequestContext
    const check = (requests: NetworkRequests, groups: string[] = []) =>
      reason(networks.validateRequests(ctx, requests, groups))
    const own = await network('10.1.0.0/24')
    expect(await check('auto')).toBeUndefined()
    expect(await check([{ network_id: own.id, fixed_ip: '10.1.0.9' }])).toBeUndefined()
    const unknown = newId()
    expect(await check([{ network_id: unknown }])).toMatchObject({ message: `Network ${unknown} could not be found.` })
    expect(await check([{ network_id: 'x' }])).toMatchObject({ message: 'Network x could not be found.' })
    expect(await check([{ port_id: unknown }])).toMatchObject({ message: `Port id ${unknown} could not be found.` })
    const bare = await network()
    expect(await check([{ network_id: bare.id }])).toMatchObject({
      message: `Network ${bare.id} requires a subnet in order to boot instances on.`,
    })
    const outside = await network('10.5.0.0/24', { external: true })
    expect(await check([{ network_id: outside.id }])).toMatchObject({ kind: 'forbidden' })
    const server = newId()
    await allocate([{ network_id: own.id, fixed_ip: '10.1.0.9' }], server)
    expect(await check([{ network_id: own.id, fixed_ip: '10.1.0.9' }])).toMatchObject({
      kind: 'bad_request',
      message: `Fixed IP address 10.1.0.9 is already in use on instance ${server}.`,
    })
    const [port] = await networks.ports.create(viewer(), [{ network_id: own.id, project_id: project }])
    const stranger = { projectId: newHexId(), isAdmin: false } as RequestContext
    const foreign = (requests: NetworkRequests) => reason(networks.validateRequests(stranger, requests, []))
    expect(await foreign([{ network_id: own.id }])).toMatchObject({ message: `Network ${own.id} could not be found.` })
    expect(await foreign([{ port_id: port?.id ?? '' }])).toMatchObject({
      message: `Port id ${port?.id} could not be found.`,
    })
  })

  test('bootstrap makes one shared network, and never again', async () => {
    await Promise.all([networks.bootstrap(), networks.bootstrap()])
    const listing = { filters: new Map([['name', ['private']]]), sort: [], limit: null, marker: null }
    const { items } = await networks.networks.list(viewer(), listing)
    expect(items).toMatchObject([{ name: 'private', shared: true }])
    await networks.networks.remove({ ...viewer(), all: true }, items[0]?.id ?? '')
    await networks.bootstrap()
    expect((await networks.networks.list(viewer(), listing)).items).toEqual([])
  })
})
