import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { quietLog, type TestDatabases, testDatabases } from '../../../test/support/database.ts'
import { newHexId, newId } from '../../kernel/index.ts'
import { createNetworks, type Networks, type Router, type Viewer } from '../index.ts'

describe('routers and floating addresses', () => {
  let databases: TestDatabases
  let networks: Networks
  let viewer: Viewer

  beforeAll(async () => {
    databases = await testDatabases()
    networks = createNetworks({ db: databases.global, externalCidr: '203.0.113.0/24', log: quietLog })
  })
  afterAll(() => databases.drop())
  beforeEach(() => {
    viewer = { project_id: newHexId(), all: false }
  })

  const only = <T>([item]: readonly T[]): T => {
    if (item === undefined) throw new Error('nothing was made')
    return item
  }
  const listing = (name: string, value: string) =>
    ({ filters: new Map([[name, [value]]]), sort: [], limit: null, marker: null }) as const
  const refusal = (work: Promise<unknown>) =>
    work.then(
      () => 'accepted',
      (error) => `${error.kind} ${error.details?.type}`,
    )

  async function network(cidr: string, external = false) {
    const { project_id } = viewer
    const { id } = only(await networks.networks.create(viewer, [{ name: 'n', project_id, external }]))
    const wanted = { network_id: id, project_id, cidr, ip_version: 4 as const }
    return { id, subnet: only(await networks.subnets.create(viewer, [wanted])) }
  }
  const router = (): Promise<Router> => networks.routers.create(viewer, { project_id: viewer.project_id, name: 'r' })
  const port = async (network_id: string) =>
    only(await networks.ports.create(viewer, [{ network_id, project_id: viewer.project_id }]))

  /** A port behind a router that leads to an external network. */
  async function reachable() {
    const [inside, outside, made] = [await network('10.1.0.0/24'), await network('198.51.100.0/24', true), await router()]
    await networks.routers.addInterface(viewer, made.id, { subnet_id: inside.subnet.id })
    await networks.routers.update(viewer, made.id, { gateway: { network_id: outside.id } })
    return { inside, outside, router: made, port: await port(inside.id) }
  }
  const allocate = (floating_network_id: string, port_id?: string) =>
    networks.floatingIps.create(viewer, {
      project_id: viewer.project_id,
      floating_network_id,
      ...(port_id === undefined ? {} : { port_id }),
    })

  test('an interface takes the gateway address of its subnet and gives it back', async () => {
    const [{ id, subnet }, made] = [await network('10.1.0.0/24'), await router()]
    const added = await networks.routers.addInterface(viewer, made.id, { subnet_id: subnet.id })
    expect(added).toMatchObject({ router_id: made.id, network_id: id, subnet_ids: [subnet.id] })
    expect(await networks.ports.show(viewer, added.port_id)).toMatchObject({
      device_id: made.id,
      device_owner: 'network:router_interface',
      fixed_ips: [{ ip_address: '10.1.0.1' }],
      security_groups: [],
    })
    expect(await refusal(networks.ports.remove(viewer, added.port_id))).toBe('conflict ServicePortInUse')
    expect(await refusal(networks.ports.update(viewer, added.port_id, { device_id: newId() }))).toBe(
      'conflict ServicePortInUse',
    )
    expect(await refusal(networks.routers.remove(viewer, made.id))).toBe('conflict RouterInUse')
    expect(await networks.routers.removeInterface(viewer, made.id, { subnet_id: subnet.id })).toEqual(added)
    expect(await refusal(networks.ports.show(viewer, added.port_id))).toBe('not_found PortNotFound')
    await networks.routers.remove(viewer, made.id)
  })

  test('a router is on a subnet once, and not on two with the same addresses', async () => {
    const [a, b, made] = [await network('10.1.0.0/24'), await network('10.1.0.128/25'), await router()]
    await networks.routers.addInterface(viewer, made.id, { subnet_id: a.subnet.id })
    const again = networks.routers.addInterface(viewer, made.id, { subnet_id: a.subnet.id })
    expect(await refusal(again)).toBe('bad_request BadRequest')
    const overlapping = networks.routers.addInterface(viewer, made.id, { subnet_id: b.subnet.id })
    expect(await refusal(overlapping)).toBe('bad_request BadRequest')
    const other = await router()
    const taken = networks.routers.addInterface(viewer, other.id, { subnet_id: a.subnet.id })
    expect(await refusal(taken)).toBe('conflict IpAddressInUse')
  })

  test('twenty requests for the same interface make one', async () => {
    const [{ subnet }, made] = [await network('10.1.0.0/24'), await router()]
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        refusal(networks.routers.addInterface(viewer, made.id, { subnet_id: subnet.id })),
      ),
    )
    expect(answers.filter((each) => each === 'accepted')).toHaveLength(1)
    expect((await networks.ports.list(viewer, listing('device_id', made.id), { ip_addresses: null, subnet_ids: null })).items).toHaveLength(1)
  })

  test('an existing port becomes an interface, and a port in use does not', async () => {
    const [{ id }, made] = [await network('10.1.0.0/24'), await router()]
    const own = await port(id)
    await networks.routers.addInterface(viewer, made.id, { port_id: own.id })
    expect(await networks.ports.show(viewer, own.id)).toMatchObject({ device_id: made.id, security_groups: [] })
    const used = await port(id)
    await networks.ports.update(viewer, used.id, { device_id: newId() })
    const other = await router()
    const taken = networks.routers.addInterface(viewer, other.id, { port_id: used.id })
    expect(await refusal(taken)).toBe('conflict PortInUse')
  })

  test('a gateway has an address of the external network, and goes with its router', async () => {
    const [outside, made] = [await network('198.51.100.0/24', true), await router()]
    const { gateway } = await networks.routers.update(viewer, made.id, { gateway: { network_id: outside.id } })
    expect(gateway).toMatchObject({ network_id: outside.id, fixed_ips: [{ subnet_id: outside.subnet.id }] })
    expect((await networks.routers.update(viewer, made.id, { gateway: null })).gateway).toBeNull()
    await networks.routers.update(viewer, made.id, { gateway: { network_id: outside.id } })
    await networks.routers.remove(viewer, made.id)
    await networks.networks.remove(viewer, outside.id)
    const inner = await network('10.1.0.0/24')
    const refused = networks.routers.create(viewer, { project_id: viewer.project_id, gateway: { network_id: inner.id } })
    expect(await refusal(refused)).toBe('bad_request BadRequest')
    expect((await networks.routers.list(viewer, listing('name', ''))).items).toEqual([])
  })

  test('a floating address leads to a port behind a router, and is let go with it', async () => {
    const { outside, router: made, port: target, inside } = await reachable()
    const floating = await allocate(outside.id, target.id)
    expect(floating).toMatchObject({ router_id: made.id, fixed_ip_address: target.fixed_ips[0]?.ip_address })
    expect(floating.port?.id).toBe(target.id)
    expect(floating.floating_ip_address).toStartWith('198.51.100.')
    const other = await allocate(outside.id)
    expect(await refusal(networks.floatingIps.update(viewer, other.id, { port_id: target.id }))).toBe(
      'conflict FloatingIPPortAlreadyAssociated',
    )
    expect(await refusal(networks.routers.update(viewer, made.id, { gateway: null }))).toBe(
      'conflict RouterExternalGatewayInUseByFloatingIp',
    )
    expect(await refusal(networks.routers.removeInterface(viewer, made.id, { subnet_id: inside.subnet.id }))).toBe(
      'conflict RouterInterfaceInUseByFloatingIP',
    )
    await networks.ports.remove(viewer, target.id)
    expect(await networks.floatingIps.show(viewer, floating.id)).toMatchObject({ port: null, router_id: null })
    await networks.floatingIps.remove(viewer, floating.id)
    await networks.floatingIps.remove(viewer, other.id)
    expect(await refusal(networks.floatingIps.show(viewer, floating.id))).toBe('not_found FloatingIPNotFound')
  })

  test('a floating address without a way to the port is not made', async () => {
    const [inside, outside] = [await network('10.1.0.0/24'), await network('198.51.100.0/24', true)]
    const target = await port(inside.id)
    expect(await refusal(allocate(outside.id, target.id))).toBe('not_found ExternalGatewayForFloatingIPNotFound')
    expect(await refusal(allocate(inside.id))).toBe('bad_request BadRequest')
    expect((await networks.floatingIps.list(viewer, listing('project_id', viewer.project_id))).items).toEqual([])
    await networks.networks.remove(viewer, outside.id)
  })

  test('an external network of four addresses gives as many as it has', async () => {
    const outside = await network('198.51.100.0/29', true)
    const answers = await Promise.all(Array.from({ length: 12 }, () => refusal(allocate(outside.id))))
    expect(answers.toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => 'accepted'),
      ...Array.from({ length: 7 }, () => 'conflict IpAddressGenerationFailure'),
    ])
  })

  test('what another project has is not found', async () => {
    const { router: made, outside, port: target } = await reachable()
    const floating = await allocate(outside.id)
    const stranger = { project_id: newHexId(), all: false }
    expect(await refusal(networks.routers.show(stranger, made.id))).toBe('not_found RouterNotFound')
    expect(await refusal(networks.floatingIps.show(stranger, floating.id))).toBe('not_found FloatingIPNotFound')
    const theirs = await networks.floatingIps.create(stranger, { ...stranger, floating_network_id: outside.id })
    expect(await refusal(networks.floatingIps.update(stranger, theirs.id, { port_id: target.id }))).toBe(
      'not_found PortNotFound',
    )
  })

  test('the first start makes a way out of the shared network', async () => {
    await networks.bootstrap()
    const { items } = await networks.networks.list(viewer, listing('name', 'private'))
    const inside = only(items)
    const outside = only((await networks.networks.list(viewer, listing('name', 'public'))).items)
    const target = await port(inside.id)
    const floating = await allocate(outside.id, target.id)
    expect(floating.floating_ip_address).toStartWith('203.0.113.')
    expect(floating.port?.id).toBe(target.id)
  })
})
