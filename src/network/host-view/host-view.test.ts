import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { quietLog, type TestDatabases, testDatabases } from '../../../test/support/database.ts'
import { newHexId, newId } from '../../kernel/index.ts'
import { createNetworks, type Networks, type Viewer } from '../index.ts'
import { datedHostView } from './host-view.ts'

describe('what a host is told of its network', () => {
  const hostView = async (db: TestDatabases['global'], name: string) => (await datedHostView(db, name)).view
  let databases: TestDatabases
  let networks: Networks
  let viewer: Viewer
  let host: string

  beforeAll(async () => {
    databases = await testDatabases()
    networks = createNetworks({ db: databases.global, externalCidr: null, log: quietLog })
  })
  afterAll(() => databases.drop())
  beforeEach(() => {
    viewer = { project_id: newHexId(), all: false }
    host = newHexId()
  })

  const only = <T>([item]: readonly T[]): T => {
    if (item === undefined) throw new Error('nothing was made')
    return item
  }

  async function network(cidr: string, external = false) {
    const { project_id } = viewer
    const made = only(await networks.networks.create(viewer, [{ name: 'n', project_id, external }]))
    const wanted = { network_id: made.id, project_id, cidr, ip_version: 4 as const, dns_nameservers: ['9.9.9.9'] }
    return { id: made.id, subnet: only(await networks.subnets.create(viewer, [wanted])) }
  }

  const boot = (network_id: string, on: string, groups: string[] = []) =>
    networks
      .allocateForServer({
        server_id: newId(),
        project_id: viewer.project_id,
        host: on,
        requests: [{ network_id }],
        security_groups: groups,
      })
      .then(only)

  test('has its own ports with their network, and nobody else’s', async () => {
    const { id, subnet } = await network('10.1.0.0/24')
    const [here] = [await boot(id, host), await boot(id, 'elsewhere')]
    const view = await hostView(databases.global, host)
    expect(view.ports).toMatchObject([
      {
        id: here.port_id,
        network_id: id,
        mac_address: here.mac_address,
        fixed_ips: [{ subnet_id: subnet.id, ip_address: here.fixed_ips[0]?.ip_address }],
        port_security_enabled: true,
        floating_ips: [],
      },
    ])
    expect(view.networks).toMatchObject([
      {
        id,
        mtu: 1500,
        subnets: [{ cidr: '10.1.0.0/24', gateway_ip: '10.1.0.1', enable_dhcp: true, dns_nameservers: ['9.9.9.9'] }],
      },
    ])
    expect(await hostView(databases.global, 'no-such-host')).toEqual({
      ports: [],
      networks: [],
      routers: [],
      security_groups: [],
      groups: [],
    })
  })

  test('has the rules of its ports, and the addresses of the groups they name wherever these are', async () => {
    const { id } = await network('10.2.0.0/24')
    const group = await networks.securityGroups.create(viewer, {
      project_id: viewer.project_id,
      name: 'web',
      description: '',
    })
    const rule = {
      security_group_id: group.id,
      direction: 'ingress' as const,
      ethertype: 'IPv4' as const,
      protocol: 'tcp',
      port_range_min: 80,
      port_range_max: 81,
      remote_ip_prefix: null,
      remote_group_id: group.id,
      description: '',
    }
    await networks.securityGroups.createRule(viewer, rule)
    const [here, there] = [await boot(id, host, ['web']), await boot(id, 'elsewhere', ['web'])]
    await networks.ports.update(viewer, there.port_id, {
      allowed_address_pairs: [{ ip_address: '10.2.9.0/28', mac_address: null }],
    })
    const view = await hostView(databases.global, host)
    const rules = view.security_groups.find((each) => each.id === group.id)?.rules ?? []
    expect(view.ports[0]?.security_group_ids).toEqual([group.id])
    expect(rules).toContainEqual({
      direction: 'ingress',
      ethertype: 'IPv4',
      protocol: 6,
      port_range_min: 80,
      port_range_max: 81,
      remote_ip_prefix: null,
      remote_group_id: group.id,
    })
    expect(rules.filter((each) => each.direction === 'egress')).toHaveLength(2)
    const addresses = [here, there].map((vif) => vif.fixed_ips[0]?.ip_address)
    expect(view.groups).toEqual([{ id: group.id, addresses: [...addresses, '10.2.9.0/28'].toSorted() as string[] }])
  })

  test('has the routers of its networks and the floating addresses that lead to its ports', async () => {
    const inside = await network('10.3.0.0/24')
    const outside = await network('198.51.100.0/24', true)
    const router = await networks.routers.create(viewer, {
      project_id: viewer.project_id,
      gateway: { network_id: outside.id, enable_snat: false },
    })
    await networks.routers.addInterface(viewer, router.id, { subnet_id: inside.subnet.id })
    const vif = await boot(inside.id, host)
    const floating = await networks.floatingIps.create(viewer, {
      project_id: viewer.project_id,
      floating_network_id: outside.id,
      port_id: vif.port_id,
    })
    const view = await hostView(databases.global, host)
    expect(view.ports[0]?.floating_ips).toEqual([
      {
        floating_ip_address: floating.floating_ip_address,
        fixed_ip_address: vif.fixed_ips[0]?.ip_address ?? '',
        router_id: router.id,
      },
    ])
    expect(view.routers).toMatchObject([
      {
        id: router.id,
        enable_snat: false,
        interfaces: [{ network_id: inside.id, fixed_ips: [{ ip_address: '10.3.0.1' }] }],
        gateway: { network_id: outside.id },
      },
    ])
    expect(view.networks.map((each) => each.id).toSorted()).toEqual([inside.id, outside.id].toSorted())

    await networks.floatingIps.update(viewer, floating.id, { port_id: null })
    expect((await hostView(databases.global, host)).ports[0]?.floating_ips).toEqual([])
  })

  test('is the same until something changes for the host', async () => {
    const { id } = await network('10.4.0.0/24')
    const here = await boot(id, host)
    const before = JSON.stringify(await hostView(databases.global, host))
    expect(JSON.stringify(await hostView(databases.global, host))).toBe(before)
    await networks.ports.update(viewer, here.port_id, { security_groups: [], port_security_enabled: false })
    const [port] = (await hostView(databases.global, host)).ports
    expect(port).toMatchObject({ port_security_enabled: false, security_group_ids: [] })
  })
})
