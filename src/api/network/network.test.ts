import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Body, type NetworkApi, serveNetwork } from '../../../test/support/network-api.ts'
import { newHexId, newId } from '../../kernel/index.ts'

describe('the network API', () => {
  let api: NetworkApi
  const [alice, bob, admin] = [newHexId(), newHexId(), newHexId()]

  const request: NetworkApi['request'] = (...call) => api.request(...call)
  const get = (path: string, token = alice) => request('GET', path, token)
  const post = (path: string, body: unknown, token = alice) => request('POST', path, token, body)
  const put = (path: string, body: unknown, token = alice) => request('PUT', path, token, body)
  const remove = (path: string, token = alice) => request('DELETE', path, token)
  const error = (type: string, status: number) => ({ status, body: { NeutronError: { type, detail: '' } } })

  async function made(path: string, body: unknown, token = alice): Promise<Body> {
    const answer = await post(path, body, token)
    expect(answer).toMatchObject({ status: 201 })
    return Object.values(answer.body)[0]
  }

  async function networkWith(cidr: string, token = alice): Promise<{ network: Body; subnet: Body }> {
    const network = await made('/v2.0/networks', { network: { name: 'n9', admin_state_up: true } }, token)
    const subnet = await made('/v2.0/subnets', { subnet: { network_id: network.id, cidr, ip_version: 4 } }, token)
    return { network, subnet }
  }

  beforeAll(async () => {
    api = await serveNetwork()
  })
  afterAll(() => api.stop())

  test('tells its version to anybody, and the rest to those it knows', async () => {
    const versions = await fetch(`${api.url}/`).then((response) => response.json())
    expect(versions).toEqual({
      versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${api.url}/v2.0/` }] }],
    })
    const answer = await fetch(`${api.url}/v2.0/networks`)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe(`Keystone uri="${new URL(api.url).origin}/identity"`)
    expect((await get('/v2.0/')).body.resources).toContainEqual(expect.objectContaining({ collection: 'networks' }))
  })

  test('names its extensions, and says 404 for others', async () => {
    const { body } = await get('/v2.0/extensions')
    expect(body.extensions.map((each: Body) => each.alias)).toContain('security-group')
    expect(await get('/v2.0/extensions/quotas')).toMatchObject({
      status: 200,
      body: { extension: { alias: 'quotas' } },
    })
    expect(await get('/v2.0/extensions/__proto__')).toMatchObject({ status: 404 })
  })

  test('answers with the attributes that Neutron has', async () => {
    const { network, subnet } = await networkWith('10.99.0.0/24', `${admin}:admin`)
    const port = await made('/v2.0/ports', { port: { network_id: network.id, name: 'po9' } }, `${admin}:admin`)
    const group = await made('/v2.0/security-groups', { security_group: { name: 'sg9' } })
    const attributes = (body: object) => Object.keys(body).toSorted().join(' ')
    expect(attributes(network)).toBe(
      'admin_state_up availability_zone_hints availability_zones created_at description id ipv4_address_scope ' +
        'ipv6_address_scope mtu name port_security_enabled project_id provider:network_type ' +
        'provider:physical_network provider:segmentation_id revision_number router:external shared status subnets ' +
        'tags tenant_id updated_at',
    )
    expect(attributes(subnet)).toBe(
      'allocation_pools cidr created_at description dns_nameservers enable_dhcp gateway_ip host_routes id ' +
        'ip_version ipv6_address_mode ipv6_ra_mode name network_id project_id revision_number service_types ' +
        'subnetpool_id tags tenant_id updated_at',
    )
    expect(attributes(port)).toBe(
      'admin_state_up allowed_address_pairs binding:host_id binding:profile binding:vif_details binding:vif_type ' +
        'binding:vnic_type created_at description device_id device_owner extra_dhcp_opts fixed_ips id mac_address ' +
        'name network_id port_security_enabled project_id revision_number security_groups status tags tenant_id ' +
        'updated_at',
    )
    expect(attributes(group)).toBe(
      'created_at description id name project_id revision_number security_group_rules shared stateful tags ' +
        'tenant_id updated_at',
    )
    expect(subnet).toMatchObject({
      gateway_ip: '10.99.0.1',
      allocation_pools: [{ start: '10.99.0.2', end: '10.99.0.254' }],
    })
    expect(network.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(port.fixed_ips[0].ip_address).toStartWith('10.99.0.')
    expect(group.security_group_rules.map((rule: Body) => [rule.direction, rule.ethertype])).toEqual([
      ['egress', 'IPv4'],
      ['egress', 'IPv6'],
    ])
  })

  test('finds a resource by its name in a list, and its id in a path', async () => {
    const name = `net-${newId()}`
    const network = await made('/v2.0/networks', { network: { name } })
    expect(await get(`/v2.0/networks/${name}`)).toMatchObject(error('NetworkNotFound', 404))
    const { body } = await get(`/v2.0/networks?name=${name}&fields=id&fields=name`)
    expect(body).toEqual({ networks: [{ id: network.id, name }] })
    expect((await get(`/v2.0/networks?name=${name}&status=DOWN`)).body.networks).toEqual([])
    expect((await get(`/v2.0/networks?name=${name}&name=other&unknown=1`)).body.networks).toHaveLength(1)
  })

  test('pages through a list in the order asked for', async () => {
    const { network } = await networkWith('10.98.0.0/24')
    const names = ['a', 'b', 'c', 'd', 'e']
    await made('/v2.0/ports', { ports: names.map((name) => ({ network_id: network.id, name })) })
    const seen: string[] = []
    let path: string | undefined =
      `/v2.0/ports?network_id=${network.id}&sort_key=name&sort_dir=desc&limit=2&fields=name`
    while (path !== undefined) {
      const { body }: { body: Body } = await get(path)
      seen.push(...body.ports.map((each: Body) => each.name))
      path = body.ports_links?.[0].href.replace(api.url, '')
    }
    expect(seen).toEqual(names.toReversed())
    expect(await get(`/v2.0/ports?marker=${newId()}`)).toMatchObject({ status: 200, body: { ports: [] } })
    for (const query of [
      'limit=x',
      'limit=-1',
      'sort_key=secret',
      'sort_key=id&sort_dir=up',
      'page_reverse=True',
      'name=%00',
      'marker=%00',
    ]) {
      expect(await get(`/v2.0/ports?${query}`)).toMatchObject({ status: 400 })
    }
  })

  test('shows to a project what is its own or shared, and nothing else', async () => {
    const { network, subnet } = await networkWith('10.97.0.0/24')
    const port = await made('/v2.0/ports', { port: { network_id: network.id } })
    const group = await made('/v2.0/security-groups', { security_group: { name: 'mine' } })
    const rule = group.security_group_rules[0]
    const paths = [
      `networks/${network.id}`,
      `subnets/${subnet.id}`,
      `ports/${port.id}`,
      `security-groups/${group.id}`,
      `security-group-rules/${rule.id}`,
    ]
    for (const path of paths) {
      const [collection = '', id] = path.split('/')
      expect((await get(`/v2.0/${path}`)).status).toBe(200)
      expect((await get(`/v2.0/${path}`, bob)).status).toBe(404)
      expect((await get(`/v2.0/${path}`, `${admin}:admin`)).status).toBe(200)
      expect((await remove(`/v2.0/${path}`, bob)).status).toBe(404)
      const [items] = Object.values((await get(`/v2.0/${collection}?id=${id}`, bob)).body)
      expect(items).toEqual([])
    }
    expect(await post('/v2.0/ports', { port: { network_id: network.id } }, bob)).toMatchObject(
      error('NetworkNotFound', 404),
    )

    await put(`/v2.0/networks/${network.id}`, { network: { shared: true } }, `${admin}:admin`)
    expect((await get(`/v2.0/networks/${network.id}`, bob)).body.network).not.toHaveProperty('provider:network_type')
    expect((await get(`/v2.0/subnets/${subnet.id}`, bob)).status).toBe(200)
    expect((await post('/v2.0/ports', { port: { network_id: network.id } }, bob)).status).toBe(201)
    expect((await put(`/v2.0/networks/${network.id}`, { network: { name: 'x' } }, bob)).status).toBe(403)
    expect((await remove(`/v2.0/networks/${network.id}`, bob)).status).toBe(403)
    const foreign = { subnet: { network_id: network.id, cidr: '10.55.0.0/24', ip_version: 4 } }
    expect((await post('/v2.0/subnets', foreign, bob)).status).toBe(403)
  })

  test('leaves to administrators what reaches beyond a project, and lets readers only read', async () => {
    expect((await post('/v2.0/networks', { network: { shared: true } })).status).toBe(403)
    expect((await post('/v2.0/networks', { network: { 'router:external': true } })).status).toBe(403)
    expect((await post('/v2.0/networks', { network: { project_id: bob } })).status).toBe(403)
    expect((await post('/v2.0/networks', { network: { tenant_id: bob } }, `${admin}:admin`)).status).toBe(201)
    expect((await post('/v2.0/networks', { network: {} }, `${alice}:reader`)).status).toBe(403)
    expect((await get('/v2.0/networks', `${alice}:reader`)).status).toBe(200)
    expect((await get('/v2.0/agents')).status).toBe(403)
    const { network } = await networkWith('10.96.0.0/24')
    const port = { network_id: network.id, device_owner: 'network:dhcp' }
    expect((await post('/v2.0/ports', { port })).status).toBe(403)
    expect((await post('/v2.0/ports', { port: { network_id: network.id, 'binding:host_id': 'h' } })).status).toBe(403)
  })

  test('refuses bodies that are not what they should be', async () => {
    const bodies: unknown[] = [
      null,
      [],
      'text',
      {},
      { network: null },
      { network: { bogus: 1 } },
      { network: { name: 'x'.repeat(256) } },
      { network: { admin_state_up: 'yes' } },
      { network: { mtu: 1e9 } },
      { network: {}, subnet: {} },
      { networks: [] },
      { networks: Array.from({ length: 101 }, () => ({})) },
    ]
    for (const body of bodies) {
      expect(await post('/v2.0/networks', body)).toMatchObject({ status: 400, body: { NeutronError: { detail: '' } } })
    }
    expect(await get('/v2.0/nothing')).toMatchObject(error('HTTPNotFound', 404))
    expect((await request('PATCH', '/v2.0/networks', alice)).status).toBe(405)
  })

  test('refuses subnets whose addresses make no sense', async () => {
    const { network } = await networkWith('10.95.0.0/24')
    const subnet = (fields: object) =>
      post('/v2.0/subnets', { subnet: { network_id: network.id, cidr: '10.94.0.0/24', ip_version: 4, ...fields } })
    const cases: [object, number][] = [
      [{ cidr: '10.94.0.1/24' }, 400],
      [{ cidr: '0.0.0.0/0' }, 400],
      [{ cidr: '10.94.0.0/32' }, 400],
      [{ cidr: '10.95.0.128/25' }, 400],
      [{ cidr: '2001:db8::/64' }, 400],
      [{ gateway_ip: '10.1.1.1' }, 400],
      [{ gateway_ip: '10.94.0.255' }, 400],
      [{ allocation_pools: [{ start: '10.94.0.9', end: '10.94.0.5' }] }, 400],
      [{ allocation_pools: [{ start: '10.94.0.9', end: '10.94.1.5' }] }, 400],
      [{ allocation_pools: [{ start: '10.94.0.1', end: '10.94.0.5' }] }, 409],
      [
        {
          allocation_pools: [
            { start: '10.94.0.2', end: '10.94.0.5' },
            { start: '10.94.0.5', end: '10.94.0.6' },
          ],
        },
        409,
      ],
      [{ dns_nameservers: ['ns.example'] }, 400],
      [{ network_id: newId() }, 404],
    ]
    for (const [fields, status] of cases) expect([fields, (await subnet(fields)).status]).toEqual([fields, status])
    const [one, two] = await Promise.all([subnet({}), subnet({})])
    expect([one.status, two.status].toSorted()).toEqual([201, 400])
  })

  test('gives ports the addresses they ask for, and none twice', async () => {
    const { network, subnet } = await networkWith('10.93.0.0/24')
    const port = (fields: object) => post('/v2.0/ports', { port: { network_id: network.id, ...fields } })
    const at = (ip_address: string) => ({ fixed_ips: [{ ip_address }] })
    const first = (await port({ ...at('10.93.0.9'), mac_address: 'FA:16:3E:00:00:01' })).body.port
    expect(first).toMatchObject({
      mac_address: 'fa:16:3e:00:00:01',
      fixed_ips: [{ subnet_id: subnet.id, ip_address: '10.93.0.9' }],
    })
    expect(await port(at('10.93.0.9'))).toMatchObject(error('IpAddressInUse', 409))
    expect(await port(at('10.92.0.9'))).toMatchObject(error('InvalidIpForNetwork', 400))
    expect(await port({ mac_address: 'fa:16:3e:00:00:01' })).toMatchObject(error('MacAddressInUse', 409))
    expect(await port({ fixed_ips: [{ subnet_id: newId() }] })).toMatchObject(error('SubnetNotFound', 404))
    expect(await port({ security_groups: [newId()] })).toMatchObject(error('SecurityGroupNotFound', 404))
    expect((await port({ fixed_ips: [] })).body.port.fixed_ips).toEqual([])
    const both = { fixed_ips: [{ ip_address: '10.93.0.50' }, { ip_address: '10.93.0.50' }] }
    expect(await port(both)).toMatchObject(error('IpAddressInUse', 409))

    const path = `/v2.0/ports/${first.id}`
    const moved = await put(path, { port: { name: 'po', ...at('10.93.0.10'), security_groups: [] } })
    expect(moved.body.port).toMatchObject({ name: 'po', security_groups: [], revision_number: 1 })
    expect(moved.body.port.fixed_ips).toEqual([{ subnet_id: subnet.id, ip_address: '10.93.0.10' }])
    expect((await port(at('10.93.0.9'))).status).toBe(201)
    expect(await put(path, { port: at('10.93.0.9') })).toMatchObject(error('IpAddressInUse', 409))
    expect((await get(path)).body.port.fixed_ips[0].ip_address).toBe('10.93.0.10')
    const found = await get(
      `/v2.0/ports?fixed_ips=ip_address%3D10.93.0.10&fixed_ips=subnet_id%3D${subnet.id}&fields=id`,
    )
    expect(found.body.ports).toEqual([{ id: first.id }])
    expect((await get('/v2.0/ports?fixed_ips=ip_address%3D10.93.0.11')).body.ports).toEqual([])
  })

  test('deletes what nothing uses any more', async () => {
    const { network, subnet } = await networkWith('10.91.0.0/24')
    const port = await made('/v2.0/ports', { port: { network_id: network.id } })
    expect(await remove(`/v2.0/networks/${network.id}`)).toMatchObject(error('NetworkInUse', 409))
    expect(await remove(`/v2.0/subnets/${subnet.id}`)).toMatchObject(error('SubnetInUse', 409))
    expect(await remove(`/v2.0/ports/${port.id}`)).toMatchObject({ status: 204, body: undefined })
    expect(await remove(`/v2.0/ports/${port.id}`)).toMatchObject(error('PortNotFound', 404))
    expect((await remove(`/v2.0/networks/${network.id}`)).status).toBe(204)
    expect(await get(`/v2.0/subnets/${subnet.id}`)).toMatchObject(error('SubnetNotFound', 404))
  })

  test('gives every project a default security group that lets its members talk', async () => {
    const carol = newHexId()
    const lists = await Promise.all([1, 2, 3].map(() => get('/v2.0/security-groups?name=default', carol)))
    const groups = lists.map(({ body }) => body.security_groups)
    expect(groups.every((each: Body) => each.length === 1 && each[0].id === groups[0][0].id)).toBe(true)
    const [group] = groups[0]
    const rules = group.security_group_rules.map((rule: Body) => [rule.direction, rule.ethertype, rule.remote_group_id])
    expect(rules.toSorted()).toEqual([
      ['egress', 'IPv4', null],
      ['egress', 'IPv6', null],
      ['ingress', 'IPv4', group.id],
      ['ingress', 'IPv6', group.id],
    ])
    expect(await remove(`/v2.0/security-groups/${group.id}`, carol)).toMatchObject(
      error('SecurityGroupCannotRemoveDefault', 409),
    )
    const another = { security_group: { name: 'default' } }
    expect(await post('/v2.0/security-groups', another, carol)).toMatchObject(
      error('SecurityGroupDefaultAlreadyExists', 409),
    )
  })

  test('takes security group rules that make sense, and each once', async () => {
    const group = await made('/v2.0/security-groups', { security_group: { name: 'web' } })
    const rule = (fields: object) =>
      post('/v2.0/security-group-rules', {
        security_group_rule: { security_group_id: group.id, direction: 'ingress', ...fields },
      })
    const ssh = { protocol: 'tcp', port_range_min: 22, port_range_max: 22, remote_ip_prefix: '10.0.0.0/8' }
    const { body } = await rule(ssh)
    expect(body.security_group_rule).toMatchObject({ ...ssh, ethertype: 'IPv4', normalized_cidr: '10.0.0.0/8' })
    expect(await rule({ ...ssh, protocol: '6' })).toMatchObject(error('SecurityGroupRuleExists', 409))
    const twins = await Promise.all(
      [1, 2, 3].map(() => rule({ protocol: 'udp', port_range_min: 53, port_range_max: 53 })),
    )
    expect(twins.map(({ status }) => status).toSorted()).toEqual([201, 409, 409])
    const cases: [object, string][] = [
      [{ protocol: 'quic' }, 'SecurityGroupRuleInvalidProtocol'],
      [{ port_range_min: 1, port_range_max: 2 }, 'SecurityGroupProtocolRequiredWithPorts'],
      [{ protocol: 'tcp', port_range_min: 9, port_range_max: 2 }, 'SecurityGroupInvalidPortRange'],
      [{ protocol: 'icmp', port_range_min: 256 }, 'SecurityGroupInvalidPortRange'],
      [{ remote_ip_prefix: '2001:db8::/32' }, 'SecurityGroupRuleParameterConflict'],
      [{ remote_ip_prefix: '10.0.0.1/8' }, 'InvalidInput'],
      [{ remote_ip_prefix: '10.0.0.0/8', remote_group_id: group.id }, 'SecurityGroupRemoteGroupAndRemoteIpPrefix'],
    ]
    for (const [fields, type] of cases) expect(await rule(fields)).toMatchObject(error(type, 400))
    expect(await rule({ remote_group_id: newId() })).toMatchObject(error('SecurityGroupNotFound', 404))
    expect((await rule({ protocol: 'icmp', port_range_min: 8, port_range_max: 0 })).status).toBe(201)

    const id = body.security_group_rule.id
    const listed = await get(`/v2.0/security-group-rules?security_group_id=${group.id}&direction=ingress&protocol=tcp`)
    expect(listed.body.security_group_rules.map((each: Body) => each.id)).toEqual([id])
    expect((await put(`/v2.0/security-group-rules/${id}`, {})).status).toBe(405)
    expect((await remove(`/v2.0/security-group-rules/${id}`)).status).toBe(204)
    expect(await get(`/v2.0/security-group-rules/${id}`)).toMatchObject(error('SecurityGroupRuleNotFound', 404))
  })

  test('keeps a security group while a port is in it', async () => {
    const { network } = await networkWith('10.90.0.0/24')
    const group = await made('/v2.0/security-groups', { security_group: { name: 'used' } })
    const port = await made('/v2.0/ports', { port: { network_id: network.id, security_groups: [group.id] } })
    expect(await remove(`/v2.0/security-groups/${group.id}`)).toMatchObject(error('SecurityGroupInUse', 409))
    await remove(`/v2.0/ports/${port.id}`)
    expect((await remove(`/v2.0/security-groups/${group.id}`)).status).toBe(204)
  })

  test('lets a project have as much as its quota says, exactly', async () => {
    const carol = newHexId()
    const path = `/v2.0/quotas/${carol}`
    expect((await get(path, carol)).body.quota).toMatchObject({ network: -1, port: -1, floatingip: -1 })
    expect((await get(`${path}/default`, carol)).status).toBe(200)
    expect((await get(path, bob)).status).toBe(403)
    expect((await put(path, { quota: { network: 1 } }, carol)).status).toBe(403)
    const limits = { network: 3, security_group: 1, router: 0 }
    expect((await put(path, { quota: limits }, `${admin}:admin`)).body.quota).toMatchObject({ ...limits, port: -1 })
    const many = await Promise.all(Array.from({ length: 10 }, () => post('/v2.0/networks', { network: {} }, carol)))
    expect(many.map(({ status }) => status).toSorted()).toEqual([201, 201, 201, 409, 409, 409, 409, 409, 409, 409])
    expect(many.find(({ status }) => status === 409)).toMatchObject(error('OverQuota', 409))
    expect(await post('/v2.0/routers', { router: {} }, carol)).toMatchObject(error('OverQuota', 409))
    expect((await get(`${path}/details.json`, carol)).body.quota.network).toEqual({ limit: 3, used: 3, reserved: 0 })
    const [listed] = (await get('/v2.0/quotas', `${admin}:admin`)).body.quotas
    expect(listed).toMatchObject({ project_id: carol, ...limits })
    for (const quota of [{ network: -2 }, { network: '3' }, { bogus: 1 }, null]) {
      expect((await put(path, { quota }, `${admin}:admin`)).status).toBe(400)
    }
    expect((await remove(path, `${admin}:admin`)).status).toBe(204)
    expect((await post('/v2.0/networks', { network: {} }, carol)).status).toBe(201)
  })
})
