import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, IMAGE, type Person, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'

let api: ComputeApi
beforeAll(async () => {
  api = await startComputeApi({ instances: -1, cores: -1, ram: -1, metadata_items: 3 })
})
afterAll(() => api.stop())

const WANTED = { name: 'web', flavorRef: '42', imageRef: IMAGE.id }
type Options = { v?: string; as?: Person; hints?: object }

const create = (server: object, { v = '2.1', as = 'member', hints }: Options = {}) =>
  api.ask('POST', '/servers', {
    v,
    as,
    body: { server: { ...WANTED, ...server }, ...(hints ? { 'os:scheduler_hints': hints } : {}) },
  })

/** The accepted request, as the conductor will find it. */
async function accepted(server: object, options: Options = {}) {
  const { status, body } = await create(server, options)
  expect(status).toBe(202)
  const located = await api.cells.find(body.server.id)
  return located!.server
}

describe('a new server', () => {
  test('is accepted at once, and can be shown and found while it is being scheduled', async () => {
    const { status, body, headers } = await create({})
    expect(status).toBe(202)
    const { id } = body.server
    expect(Object.keys(body.server).sort()).toEqual([
      'OS-DCF:diskConfig',
      'adminPass',
      'id',
      'links',
      'security_groups',
    ])
    expect(body.server.adminPass).toHaveLength(12)
    expect(headers.get('location')).toBe(`${api.url}/v2.1/servers/${id}`)
    const shown = (await api.ask('GET', `/servers/${id}`)).body.server
    expect([shown.status, shown['OS-EXT-STS:task_state'], shown.hostId]).toEqual(['BUILD', 'scheduling', ''])
    expect('security_groups' in shown).toBe(false)
    expect((await api.ask('GET', '/servers?name=web')).body.servers[0].id).toBe(id)
  })

  test('leaves a task for the conductor, which knows whose request it is', async () => {
    const { body, headers } = await create({ name: 'task' })
    const [task] = await api.databases.global.sql<{ kind: string; request_id: string; input: object }[]>`
      select kind, request_id, input from tasks where subject = ${body.server.id}`
    expect(task).toEqual({
      kind: 'server.schedule',
      request_id: headers.get('x-compute-request-id')!,
      input: {
        project_name: PROJECT,
        user_name: 'member-user',
        force_host: null,
        force_node: null,
        // For the guest's config drive.
        admin_password: body.server.adminPass,
      },
    })
  })

  test('has a copy of its flavor and what is to be known of its image', async () => {
    const server = await accepted({ flavorRef: `${api.url}/flavors/2` })
    expect(server.flavor).toMatchObject({ id: '2', name: 'm1.small', memory_mb: 2048, root_gb: 20 })
    expect(server.image).toMatchObject({ id: IMAGE.id, properties: IMAGE.properties })
  })

  test('has its name for a description until 2.19, and its own from then on', async () => {
    expect((await accepted({})).description).toBe('web')
    expect((await accepted({}, { v: '2.19' })).description).toBeNull()
    expect((await accepted({ description: 'x' }, { v: '2.19' })).description).toBe('x')
  })

  test('is told its hostname from 2.90 on', async () => {
    expect((await accepted({ name: 'My Server' })).hostname).toBe('my-server')
    const networks = 'none'
    expect((await accepted({ hostname: 'db', networks }, { v: '2.90' })).hostname).toBe('db')
    expect((await create({ hostname: 'db.example', networks }, { v: '2.93' })).status).toBe(400)
    expect((await accepted({ hostname: 'db.example', networks }, { v: '2.94' })).hostname).toBe('db.example')
  })

  test('asks for networks as they were said', async () => {
    const uuid = 'b3ed1d3c-0a30-4e3f-a6aa-6f8e3d1d7b22'
    expect((await accepted({})).requested_networks).toBe('auto')
    expect((await accepted({ networks: [] })).requested_networks).toBe('auto')
    expect((await accepted({ networks: 'none' }, { v: '2.37' })).requested_networks).toBe('none')
    expect((await accepted({ networks: [{ uuid, fixed_ip: '10.0.0.9' }] })).requested_networks).toEqual([
      { network_id: uuid, fixed_ip: '10.0.0.9' },
    ])
    expect((await accepted({ networks: [{ port: uuid, tag: 'a' }] }, { v: '2.42' })).requested_networks).toEqual([
      { port_id: uuid, tag: 'a' },
    ])
  })

  test('may be several: with numbered names and one reservation', async () => {
    const { body } = await create({ name: 'many', min_count: 2, max_count: 3, return_reservation_id: true })
    expect(Object.keys(body)).toEqual(['reservation_id'])
    const { servers } = (
      await api.ask('GET', `/servers?reservation_id=${body.reservation_id}&sort_key=display_name&sort_dir=asc`)
    ).body
    expect(servers.map((server: { name: string }) => server.name)).toEqual(['many-1', 'many-2', 'many-3'])
  })

  test('takes tags, certificates and a requested host from their versions on', async () => {
    const networks = 'none'
    expect((await accepted({ networks, tags: ['a', 'b'] }, { v: '2.52' })).tags).toEqual(['a', 'b'])
    expect((await create({ networks, tags: ['a'] }, { v: '2.51' })).status).toBe(400)
    const ids = ['c1', 'c2']
    const signed = await accepted({ networks, trusted_image_certificates: ids }, { v: '2.63' })
    expect(signed.trusted_image_certificates).toEqual(ids)
    expect((await create({ networks, host: 'cmp1' }, { v: '2.74' })).status).toBe(403)
    const { status, body } = await create({ networks, host: 'nowhere' }, { v: '2.74', as: 'admin' })
    expect([status, body.badRequest.message]).toEqual([400, 'Compute host nowhere could not be found.'])
  })

  test('uses a keypair of the user', async () => {
    await api.ask('POST', '/os-keypairs', { body: { keypair: { name: 'mine' } } })
    const server = await accepted({ key_name: 'mine' })
    expect(server.public_key).toStartWith('ssh-rsa ')
    expect((await create({ key_name: 'other' })).body.badRequest.message).toBe('Invalid key_name provided.')
  })

  const refusals: [what: string, server: object, options?: Options][] = [
    ['an unknown flavor', { flavorRef: 'none' }],
    ['an unknown image', { imageRef: '70a599e0-31e7-49b7-b260-868f441e8620' }],
    ['no image', { imageRef: '' }],
    ['an image that is no id', { imageRef: 'tiny' }],
    ['a name that is too long', { name: 'x'.repeat(256) }],
    ['a name with a blank at its end', { name: 'web ' }],
    ['an unknown key', { colour: 'red' }],
    ['metadata that is not text', { metadata: { a: 1 } }],
    ['a metadata key that is none', { metadata: { 'a/b': 'x' } }],
    ['more wanted than allowed', { min_count: 3, max_count: 2 }],
    ['no servers', { min_count: 0 }],
    ['more than a request may ask for', { max_count: 100_000 }],
    ['user data that is not base64', { user_data: '###' }],
    ['user data that is too long', { user_data: 'A'.repeat(65_536) }],
    ['an address that is none', { accessIPv4: '10.0.0.300' }],
    ['a zone that does not exist', { availability_zone: 'moon' }],
    ['a zone with too many parts', { availability_zone: 'a:b:c:d' }],
    ['a network twice by one port', { networks: [1, 2].map(() => ({ port: IMAGE.id })) }],
    ['a port with an address', { networks: [{ port: IMAGE.id, fixed_ip: '10.0.0.1' }] }],
    ['one port for several servers', { networks: [{ port: IMAGE.id }], max_count: 2 }],
    ['a network that is no id', { networks: [{ uuid: 'private' }] }],
    ['a network without an id', { networks: [{}] }],
    ['no networks from 2.37 on', {}, { v: '2.37' }],
    ['a word for networks before 2.37', { networks: 'auto' }],
    ['a device tag between 2.37 and 2.42', { networks: [{ uuid: IMAGE.id, tag: 'a' }] }, { v: '2.40' }],
    ['files from 2.57 on', { networks: 'none', personality: [] }, { v: '2.57' }],
    [
      'a volume',
      {
        block_device_mapping_v2: [{ source_type: 'volume', uuid: IMAGE.id, boot_index: 0, destination_type: 'volume' }],
      },
    ],
    [
      'two forms of block devices',
      { block_device_mapping: [{ volume_id: IMAGE.id }], block_device_mapping_v2: [{ uuid: 'x' }] },
    ],
    ['an unknown group', {}, { hints: { group: IMAGE.id } }],
    ['a query that is not JSON', {}, { hints: { query: '[' } }],
    ['a query that is no list', {}, { hints: { query: { '=': 1 } } }],
    ['a query of an unknown operator', {}, { hints: { query: '["xor", 1, 2]' } }],
    ['a network that is none', {}, { hints: { build_near_host_ip: '10.0.0.1', cidr: '/33' } }],
    ['a server to be apart from that is no id', {}, { hints: { different_host: 'mine' } }],
    ['a group that is no id', {}, { hints: { group: 'mine' } }],
    ['a hostname for several', { networks: 'none', hostname: 'db', max_count: 2 }, { v: '2.90' }],
    ['65 networks', { networks: Array.from({ length: 65 }, () => ({ uuid: IMAGE.id })) }],
  ]

  test.each(refusals.map(([what, server, options = {}]) => ({ what, server, options })))(
    'is refused for $what',
    async ({ server, options }) => {
      const { status, body } = await create(server, options)
      expect(Object.keys(body)).toEqual(['badRequest'])
      expect(status).toBe(400)
    },
  )

  test('needs a right of its own for a forced host and for a flavor without a disk', async () => {
    expect((await create({ availability_zone: 'nova:cmp1' })).status).toBe(403)
    await api.ask('POST', '/flavors', {
      as: 'admin',
      body: { flavor: { name: 'z', id: 'z', ram: 64, vcpus: 1, disk: 0 } },
    })
    expect((await create({ flavorRef: 'z' })).status).toBe(403)
    expect((await create({ flavorRef: 'z' }, { as: 'admin' })).status).toBe(202)
    expect((await create({}, { as: 'reader' })).status).toBe(403)
  })

  test('has no more metadata than the quota allows', async () => {
    expect((await create({ metadata: { a: '', b: '', c: '' } })).status).toBe(202)
    expect((await create({ metadata: { a: '', b: '', c: '', d: '' } })).status).toBe(403)
  })

  test('boots the image that a block device names, as some clients say it', async () => {
    const device = { source_type: 'image', destination_type: 'local', boot_index: 0, uuid: IMAGE.id }
    const server = await accepted({ imageRef: '', block_device_mapping_v2: [device] })
    expect(server.image_id).toBe(IMAGE.id)
  })

  test('is made from what /v2 lets through', async () => {
    const server = { ...WANTED, name: '  padded ', colour: 'red' }
    const { status, body } = await api.ask('POST', '!/v2/servers', { body: { server } })
    expect(status).toBe(202)
    expect((await api.cells.find(body.server.id))!.server.name).toBe('padded')
  })
})
