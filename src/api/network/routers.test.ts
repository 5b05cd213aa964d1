import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Body, type NetworkApi, serveNetwork } from '../../../test/support/network-api.ts'
import { newHexId, newId } from '../../kernel/index.ts'

describe('routers, floating addresses and what else hangs on ports', () => {
  let api: NetworkApi
  const [alice, bob, admin] = [newHexId(), newHexId(), `${newHexId()}:admin`]

  beforeAll(async () => {
    api = await serveNetwork()
  })
  afterAll(() => api.stop())

  const get = (path: string, token = alice) => api.request('GET', path, token)
  const post = (path: string, body: unknown, token = alice) => api.request('POST', path, token, body)
  const put = (path: string, body: unknown, token = alice) => api.request('PUT', path, token, body)
  const remove = (path: string, token = alice) => api.request('DELETE', path, token)
  const error = (type: string, status: number) => ({ status, body: { NeutronError: { type, detail: '' } } })
  const attributes = (body: object) => Object.keys(body).toSorted().join(' ')

  async function made(path: string, body: unknown, token = alice): Promise<Body> {
    const answer = await post(path, body, token)
    expect(answer).toMatchObject({ status: 201 })
    return Object.values(answer.body)[0]
  }
  async function networkWith(cidr: string, external = false): Promise<{ network: Body; subnet: Body }> {
    const token = external ? admin : alice
    const network = await made('/v2.0/networks', { network: { 'router:external': external } }, token)
    const subnet = await made('/v2.0/subnets', { subnet: { network_id: network.id, cidr, ip_version: 4 } }, token)
    return { network, subnet }
  }
  const routerOf = (fields: object = {}) => made('/v2.0/routers', { router: fields })

  test('a router and a floating address have the attributes that Neutron’s have', async () => {
    const outside = await networkWith('198.51.100.0/24', true)
    const router = await routerOf({ name: 'ro9', admin_state_up: true })
    expect(attributes(router)).toBe(
      'admin_state_up availability_zone_hints availability_zones created_at description distributed ' +
        'external_gateway_info flavor_id ha id name project_id revision_number routes status tags tenant_id updated_at',
    )
    const set = { external_gateway_info: { network_id: outside.network.id } }
    const changed = await put(`/v2.0/routers/${router.id}`, { router: set })
    expect(changed).toMatchObject({
      status: 200,
      body: {
        router: {
          external_gateway_info: {
            network_id: outside.network.id,
            enable_snat: true,
            external_fixed_ips: [{ subnet_id: outside.subnet.id }],
          },
        },
      },
    })
    const wanted = { floatingip: { floating_network_id: outside.network.id } }
    const floating = await made('/v2.0/floatingips', wanted)
    expect(attributes(floating)).toBe(
      'created_at description fixed_ip_address floating_ip_address floating_network_id id port_details port_id ' +
        'project_id revision_number router_id status tags tenant_id updated_at',
    )
    expect(floating).toMatchObject({ status: 'DOWN', port_id: null, port_details: null, router_id: null })
    const listed = await get(`/v2.0/floatingips?floating_ip_address=${floating.floating_ip_address}`)
    expect(listed.body.floatingips).toEqual([floating])
  })

  test('an interface is added and removed by subnet or port', async () => {
    const [{ network, subnet }, router] = [await networkWith('10.1.0.0/24'), await routerOf()]
    const path = `/v2.0/routers/${router.id}`
    const added = await put(`${path}/add_router_interface`, { subnet_id: subnet.id })
    expect(added.body).toEqual({
      id: router.id,
      tenant_id: alice,
      port_id: expect.any(String),
      network_id: network.id,
      subnet_id: subnet.id,
      subnet_ids: [subnet.id],
    })
    const ports = await get(`/v2.0/ports?device_id=${router.id}`)
    expect(ports.body.ports).toMatchObject([{ device_owner: 'network:router_interface', port_security_enabled: false }])
    expect(await remove(path)).toMatchObject(error('RouterInUse', 409))
    expect(await remove(`/v2.0/subnets/${subnet.id}`)).toMatchObject(error('SubnetInUse', 409))
    expect((await put(`${path}/remove_router_interface`, { port_id: added.body.port_id })).status).toBe(200)
    expect(await put(`${path}/remove_router_interface`, { subnet_id: subnet.id })).toMatchObject(
      error('RouterInterfaceNotFoundForSubnet', 404),
    )
    for (const body of [null, {}, { subnet_id: 1 }, { subnet_id: subnet.id, port_id: newId() }, { bogus: 1 }]) {
      expect((await put(`${path}/add_router_interface`, body)).status).toBe(400)
    }
    expect(await put(`${path}/add_router_interface`, { subnet_id: newId() })).toMatchObject(error('SubnetNotFound', 404))
    expect((await remove(path)).status).toBe(204)
  })

  test('routes lead only where the router is', async () => {
    const [{ subnet }, router] = [await networkWith('10.2.0.0/24'), await routerOf()]
    const path = `/v2.0/routers/${router.id}`
    await put(`${path}/add_router_interface`, { subnet_id: subnet.id })
    const routes = [{ destination: '10.9.0.0/16', nexthop: '10.2.0.9' }]
    expect((await put(path, { router: { routes } })).body.router.routes).toEqual(routes)
    const astray = [{ destination: '10.9.0.0/16', nexthop: '10.3.0.9' }]
    expect((await put(path, { router: { routes: astray } })).status).toBe(400)
    expect((await put(path, { router: { routes: null } })).body.router.routes).toEqual([])
  })

  test('a floating address leads to a port, back to nothing, and to another', async () => {
    const [inside, outside] = [await networkWith('10.4.0.0/24'), await networkWith('198.51.100.0/24', true)]
    const router = await routerOf({ external_gateway_info: { network_id: outside.network.id } })
    await put(`/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: inside.subnet.id })
    const port = await made('/v2.0/ports', { port: { network_id: inside.network.id, name: 'po' } })
    const floating = await made('/v2.0/floatingips', {
      floatingip: { floating_network_id: outside.network.id, port_id: port.id },
    })
    const path = `/v2.0/floatingips/${floating.id}`
    expect(floating).toMatchObject({
      status: 'ACTIVE',
      port_id: port.id,
      router_id: router.id,
      fixed_ip_address: port.fixed_ips[0].ip_address,
    })
    expect(attributes(floating.port_details)).toBe(
      'admin_state_up device_id device_owner mac_address name network_id status',
    )
    expect((await put(path, { floatingip: { description: 'd' } })).body.floatingip.port_id).toBe(port.id)
    expect((await put(path, { floatingip: { port_id: null } })).body.floatingip).toMatchObject({
      port_id: null,
      description: 'd',
    })
    expect((await put(path, { floatingip: { fixed_ip_address: '10.4.0.77' } })).status).toBe(400)
    expect((await put(path, { floatingip: { port_id: port.id, fixed_ip_address: '10.4.0.77' } })).status).toBe(400)
    expect((await put(path, { floatingip: { port_id: port.id } })).body.floatingip.status).toBe('ACTIVE')
    expect((await remove(path)).status).toBe(204)
    expect(await get(path)).toMatchObject(error('FloatingIPNotFound', 404))
  })

  test('what belongs to another project is not found, and what is the administrator’s is refused', async () => {
    const [router, outside] = [await routerOf(), await networkWith('198.51.100.0/24', true)]
    const floating = await made('/v2.0/floatingips', { floatingip: { floating_network_id: outside.network.id } })
    for (const path of [`/v2.0/routers/${router.id}`, `/v2.0/floatingips/${floating.id}`]) {
      const [, , collection = ''] = path.split('/')
      expect((await get(path, bob)).status).toBe(404)
      expect((await put(path, { [collection.slice(0, -1)]: { description: 'x' } }, bob)).status).toBe(404)
      expect((await remove(path, bob)).status).toBe(404)
      expect((await put(`${path}/tags`, { tags: ['x'] }, bob)).status).toBe(404)
      expect((await remove(path, `${alice}:reader`)).status).toBe(403)
      expect(Object.values((await get(`/v2.0/${collection}`, bob)).body)[0]).toEqual([])
    }
    const gateway = { network_id: outside.network.id, enable_snat: false }
    const chosen = { floating_network_id: outside.network.id, floating_ip_address: '198.51.100.9' }
    expect((await post('/v2.0/routers', { router: { external_gateway_info: gateway } })).status).toBe(403)
    expect((await post('/v2.0/floatingips', { floatingip: chosen })).status).toBe(403)
    expect((await post('/v2.0/floatingips', { floatingip: chosen }, admin)).body.floatingip.floating_ip_address).toBe(
      '198.51.100.9',
    )
    expect((await get('/v2.0/network-ip-availabilities')).status).toBe(403)
  })

  test('ports keep address pairs, DHCP options and whether they are secured', async () => {
    const { network } = await networkWith('10.5.0.0/24')
    const port = await made('/v2.0/ports', {
      port: {
        network_id: network.id,
        allowed_address_pairs: [{ ip_address: '10.5.0.0/28' }, { ip_address: '10.5.0.9', mac_address: 'FA:16:3E:00:00:01' }],
        extra_dhcp_opts: [{ opt_name: 'bootfile-name', opt_value: 'pxelinux.0' }],
      },
    })
    expect(port).toMatchObject({
      allowed_address_pairs: [
        { ip_address: '10.5.0.0/28', mac_address: port.mac_address },
        { ip_address: '10.5.0.9', mac_address: 'fa:16:3e:00:00:01' },
      ],
      extra_dhcp_opts: [{ opt_name: 'bootfile-name', opt_value: 'pxelinux.0', ip_version: 4 }],
      port_security_enabled: true,
    })
    const path = `/v2.0/ports/${port.id}`
    expect(await put(path, { port: { port_security_enabled: false } })).toMatchObject(
      error('PortSecurityPortHasSecurityGroup', 409),
    )
    const open = { port_security_enabled: false, security_groups: [], allowed_address_pairs: [] }
    expect((await put(path, { port: open })).body.port).toMatchObject(open)
    for (const ip_address of ['nonsense', '10.5.0.1/8', '300.1.1.1']) {
      expect((await put(path, { port: { allowed_address_pairs: [{ ip_address }] } })).status).toBe(400)
    }
    const unsecured = await made('/v2.0/networks', { network: { port_security_enabled: false } })
    const bare = await made('/v2.0/ports', { port: { network_id: unsecured.id } })
    expect(bare).toMatchObject({ port_security_enabled: false, security_groups: [] })
  })

  test('tags are set together and one by one, and found by', async () => {
    const { network } = await networkWith('10.6.0.0/24')
    const path = `/v2.0/networks/${network.id}/tags`
    expect(await put(path, { tags: ['red', 'blue', 'red'] })).toEqual({ status: 200, body: { tags: ['red', 'blue'] } })
    expect((await put(`${path}/a%20b`, undefined)).status).toBe(201)
    expect((await get(`/v2.0/networks/${network.id}`)).body.network.tags).toEqual(['red', 'blue', 'a b'])
    expect((await get(`${path}/red`)).status).toBe(204)
    expect((await get(`${path}/green`)).status).toBe(404)
    const found = async (query: string) =>
      (await get(`/v2.0/networks?id=${network.id}&${query}`)).body.networks.length === 1
    expect(await Promise.all(['tags=red,blue', 'tags=red,green', 'tags-any=red,green'].map(found))).toEqual([
      true,
      false,
      true,
    ])
    expect(await Promise.all(['not-tags=red,green', 'not-tags-any=red,green'].map(found))).toEqual([true, false])
    expect((await remove(`${path}/red`)).status).toBe(204)
    expect(await remove(`${path}/red`)).toMatchObject(error('TagNotFound', 404))
    expect((await remove(path)).status).toBe(204)
    expect((await get(path)).body).toEqual({ tags: [] })
    for (const tags of [null, ['a,b'], [''], ['x'.repeat(61)], Array.from({ length: 51 }, String)]) {
      expect((await put(path, { tags })).status).toBe(400)
    }
  })

  test('tells how full a network is', async () => {
    const { network, subnet } = await networkWith('10.7.0.0/29')
    await made('/v2.0/ports', { ports: [{ network_id: network.id }, { network_id: network.id }] })
    const { body } = await get(`/v2.0/network-ip-availabilities?network_id=${network.id}&ip_version=4`, admin)
    expect(body.network_ip_availabilities).toMatchObject([
      {
        network_id: network.id,
        total_ips: 5,
        used_ips: 2,
        subnet_ip_availability: [{ subnet_id: subnet.id, cidr: '10.7.0.0/29', ip_version: 4 }],
      },
    ])
    expect((await get(`/v2.0/network-ip-availabilities/${newId()}`, admin)).status).toBe(404)
  })

  test('no body makes it fail: it is taken, or refused with a reason', async () => {
    const { network, subnet } = await networkWith('10.8.0.0/24')
    const id = fc.constantFrom(network.id, subnet.id, newId(), 'x', '', null, 7)
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), id, fc.constantFrom('10.8.0.9', '10.8.0.0/24', '::1', true))
    const names = ['name', 'network_id', 'subnet_id', 'fixed_ips', 'allowed_address_pairs', 'external_gateway_info',
      'routes', 'floating_network_id', 'port_id', 'fixed_ip_address', 'cidr', 'ip_version', 'tags', 'extra_dhcp_opts']
    const fields = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 })
    const kind = fc.constantFrom('network', 'subnet', 'port', 'router', 'floatingip', 'security_group')
    await fc.assert(
      fc.asyncProperty(kind, fields, async (one, body) => {
        const { status, body: answer } = await post(`/v2.0/${one.replaceAll('_', '-')}s`, { [one]: body }, admin)
        expect(status).toBeLessThan(500)
        if (status !== 201) expect(answer.NeutronError.message).not.toBe('')
      }),
      { numRuns: 150 },
    )
  })
})
