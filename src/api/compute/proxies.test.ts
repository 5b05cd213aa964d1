import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { contextOf, type ComputeApi, OTHER_PROJECT, type Person, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
const ask = (method: string, path: string, body?: unknown, as: Person = 'member') =>
  api.ask(method, path, { as, v: '2.35', ...(body === undefined ? {} : { body }) })

beforeAll(async () => {
  api = await startComputeApi()
})
afterAll(() => api.stop())

describe('images, handed on', () => {
  const fields = {
    disk_format: 'raw',
    container_format: 'bare',
    hidden: false,
    min_disk_gb: 0,
    min_ram_mb: 0,
    tags: [],
    properties: { architecture: 'x86_64', auto_disk_config: 'True' },
  } as const
  const make = (name: string, more: { owner?: string; visibility?: 'public' | 'private'; protected?: boolean } = {}) =>
    api.images.create(contextOf('member'), {
      ...fields,
      name,
      owner: PROJECT,
      visibility: 'private',
      protected: false,
      ...more,
    })

  test('are shown as Nova showed them', async () => {
    const { id } = await make('one')
    const { status, body } = await ask('GET', `/images/${id}`)
    expect(status).toBe(200)
    expect(body.image).toEqual({
      id,
      name: 'one',
      status: 'SAVING',
      progress: 25,
      minDisk: 0,
      minRam: 0,
      metadata: fields.properties,
      created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      updated: expect.stringMatching(/Z$/),
      links: [
        { rel: 'self', href: `${api.url}/v2.1/images/${id}` },
        { rel: 'bookmark', href: `${api.url}/images/${id}` },
        {
          rel: 'alternate',
          type: 'application/vnd.openstack.image',
          href: `${api.url.replace('/compute', '')}/image/images/${id}`,
        },
      ],
      'OS-EXT-IMG-SIZE:size': null,
      'OS-DCF:diskConfig': 'AUTO',
    })
  })

  test('are listed in pages, by name and by status', async () => {
    await make('listed')
    await make('listed')
    const page = await ask('GET', '/images?name=listed&limit=1')
    expect(page.body.images).toHaveLength(1)
    expect(Object.keys(page.body.images[0]).sort()).toEqual(['id', 'links', 'name'])
    const next = new URL(page.body.images_links[0].href)
    const rest = await ask('GET', `/images/detail${next.search}`)
    expect(rest.body.images.map((image: { name: string }) => image.name)).toEqual(['listed'])
    expect((await ask('GET', '/images?name=listed&status=ACTIVE')).body.images).toEqual([])
    expect((await ask('GET', '/images?marker=nowhere')).status).toBe(400)
  })

  test('of another project are not there, and those that others share may not be changed', async () => {
    const foreign = await make('foreign', { owner: OTHER_PROJECT })
    const common = await make('common', { owner: OTHER_PROJECT, visibility: 'public' })
    expect((await ask('GET', `/images/${foreign.id}`)).status).toBe(404)
    expect((await ask('DELETE', `/images/${foreign.id}`)).status).toBe(404)
    expect((await ask('DELETE', `/images/${common.id}`)).status).toBe(403)
    expect((await ask('POST', `/images/${common.id}/metadata`, { metadata: { a: 'b' } })).status).toBe(403)
  })

  test('have metadata that is merged, replaced, and set by key', async () => {
    const { id } = await make('described')
    const path = `/images/${id}/metadata`
    const merged = await ask('POST', path, { metadata: { architecture: 'arm', more: '1' } })
    expect(merged.body.metadata).toEqual({ architecture: 'arm', auto_disk_config: 'True', more: '1' })
    expect((await ask('PUT', path, { metadata: { only: '1' } })).body.metadata).toEqual({ only: '1' })
    expect((await ask('PUT', `${path}/key`, { meta: { key: 'v' } })).body).toEqual({ meta: { key: 'v' } })
    expect((await ask('PUT', `${path}/key`, { meta: { other: 'v' } })).status).toBe(400)
    expect((await ask('GET', `${path}/key`)).body).toEqual({ meta: { key: 'v' } })
    expect((await ask('DELETE', `${path}/key`)).status).toBe(204)
    expect((await ask('DELETE', `${path}/key`)).status).toBe(404)
    expect((await ask('GET', path)).body.metadata).toEqual({ only: '1' })
    // What the image service keeps itself is no property, and of properties there are only so many.
    expect((await ask('PUT', path, { metadata: { id: 'x' } })).status).toBe(403)
    expect((await ask('PUT', path, { metadata: { name: 'x' } })).status).toBe(400)
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`k${index}`, '']))
    expect((await ask('PUT', path, { metadata: many })).status).toBe(413)
  })

  test('are deleted, unless they are protected', async () => {
    const { id } = await make('short-lived')
    expect((await ask('DELETE', `/images/${id}`)).status).toBe(204)
    expect((await ask('GET', `/images/${id}`)).status).toBe(404)
    const kept = await make('kept', { protected: true })
    expect((await ask('DELETE', `/images/${kept.id}`)).status).toBe(403)
  })
})

describe('networks, handed on', () => {
  test('have an id and a label, and nothing else that Nova once knew', async () => {
    const viewer = { project_id: PROJECT, all: false }
    const [made] = await api.networks.networks.create(viewer, [{ name: 'lan', project_id: PROJECT }])
    const [foreign] = await api.networks.networks.create(viewer, [{ name: 'theirs', project_id: OTHER_PROJECT }])
    const { body } = await ask('GET', '/os-networks')
    const shown = body.networks.find(({ id }: { id: string }) => id === made!.id)
    expect(shown).toMatchObject({ label: 'lan', cidr: null, gateway: null })
    expect(shown).not.toHaveProperty('vlan')
    expect(JSON.stringify(body)).not.toContain(foreign!.id)
    expect((await ask('GET', `/os-networks/${made!.id}`, undefined, 'admin')).body.network.vlan).toBeNull()
    expect((await ask('GET', `/os-networks/${foreign!.id}`)).status).toBe(404)
    expect((await ask('GET', `/os-tenant-networks/${made!.id}`)).body).toEqual({
      network: { id: made!.id, label: 'lan', cidr: 'None' },
    })
    expect((await ask('GET', '/os-tenant-networks')).body.networks).toContainEqual({
      id: made!.id,
      label: 'lan',
      cidr: 'None',
    })
  })
})

describe('floating addresses, handed on', () => {
  test('come from the external networks', async () => {
    const admin = { project_id: PROJECT, all: true }
    await api.networks.networks.create(admin, [{ name: 'public', external: true, project_id: OTHER_PROJECT }])
    expect((await ask('GET', '/os-floating-ip-pools')).body).toEqual({ floating_ip_pools: [{ name: 'public' }] })
  })
})

describe('security groups, handed on', () => {
  const create = async (name: string) =>
    (await ask('POST', '/os-security-groups', { security_group: { name, description: 'd' } })).body.security_group
  const rule = (fields: object) => ask('POST', '/os-security-group-rules', { security_group_rule: fields })

  test('are created, changed, listed and deleted', async () => {
    const group = await create('web')
    expect(group).toEqual({ id: group.id, name: 'web', description: 'd', tenant_id: PROJECT, rules: [] })
    const renamed = { security_group: { name: 'www', description: '' } }
    expect((await ask('PUT', `/os-security-groups/${group.id}`, renamed)).body.security_group.name).toBe('www')
    const { body } = await ask('GET', '/os-security-groups')
    expect(body.security_groups.map(({ name }: { name: string }) => name)).toEqual(['default', 'www'])
    expect((await ask('GET', '/os-security-groups?limit=1&offset=1')).body.security_groups).toHaveLength(1)
    expect((await ask('GET', `/os-security-groups/${group.id}`, undefined, 'stranger')).status).toBe(404)
    expect((await ask('DELETE', `/os-security-groups/${group.id}`)).status).toBe(202)
    expect((await ask('GET', `/os-security-groups/${group.id}`)).status).toBe(404)
  })

  test('have rules, with the ports and the source that were meant', async () => {
    const group = await create('ruled')
    const other = await create('other')
    const ssh = await rule({
      parent_group_id: group.id,
      ip_protocol: 'tcp',
      from_port: 22,
      to_port: '22',
      cidr: '10.0.0.0/24',
    })
    expect(ssh.status).toBe(200)
    expect(ssh.body.security_group_rule).toEqual({
      id: expect.any(String),
      parent_group_id: group.id,
      ip_protocol: 'tcp',
      from_port: 22,
      to_port: 22,
      group: {},
      ip_range: { cidr: '10.0.0.0/24' },
    })
    const fromGroup = await rule({ parent_group_id: group.id, group_id: other.id, ip_protocol: 'icmp', from_port: -1, to_port: -1 })
    expect(fromGroup.body.security_group_rule).toMatchObject({
      group: { name: 'other', tenant_id: PROJECT },
      ip_range: {},
      from_port: -1,
    })
    const { rules } = (await ask('GET', `/os-security-groups/${group.id}`)).body.security_group
    expect(rules).toHaveLength(2)
    expect((await ask('DELETE', `/os-security-group-rules/${rules[0].id}`)).status).toBe(202)
    expect((await ask('DELETE', `/os-security-group-rules/${rules[0].id}`)).status).toBe(404)
  })

  test.each([
    ['half a range', { from_port: 22, ip_protocol: 'tcp' }],
    ['no protocol', { from_port: 22, to_port: 22 }],
    ['a range that ends before it begins', { ip_protocol: 'tcp', from_port: 30, to_port: 20 }],
    ['a source that is no range', { ip_protocol: 'tcp', from_port: 1, to_port: 2, cidr: 'here' }],
    ['a protocol that is none', { ip_protocol: 'teacp', from_port: 1, to_port: 2 }],
    ['a port that is an object', { ip_protocol: 'tcp', from_port: {}, to_port: 2 }],
  ])('refuse %s', async (_what, fields) => {
    const { id } = await create('strict')
    expect((await rule({ parent_group_id: id, ...fields })).status).toBe(400)
  })

  test('refuse a rule twice, and to delete the default group', async () => {
    const { id } = await create('once')
    const fields = { parent_group_id: id, ip_protocol: 'udp', from_port: 53, to_port: 53 }
    expect([(await rule(fields)).status, (await rule(fields)).status]).toEqual([200, 400])
    const { body } = await ask('GET', '/os-security-groups')
    const home = body.security_groups.find(({ name }: { name: string }) => name === 'default')
    expect((await ask('DELETE', `/os-security-groups/${home.id}`)).status).toBe(400)
  })
})
