import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { discrepancies, embeddedIn } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { type ServerCloud, startServerCloud } from '../support/server-cloud.ts'

/** Actions on servers over HTTP, on simulated hosts: what a user sees before, meanwhile and after. */
let cloud: ServerCloud
beforeAll(async () => {
  cloud = await startServerCloud()
}, 60_000)
afterAll(async () => {
  try {
    expect(await discrepancies(embeddedIn(cloud.cloud.statePath), cloud.cloud.statePath)).toEqual([])
  } finally {
    await cloud.remove()
  }
}, 60_000)

describe('a guest that stands still', () => {
  test('is paused and goes on, is suspended and resumed, with the words of each in its log', async () => {
    const { id } = await cloud.active()
    for (const [action, status, power] of [
      ['pause', 'PAUSED', 3],
      ['unpause', 'ACTIVE', 1],
      ['suspend', 'SUSPENDED', 7],
      ['resume', 'ACTIVE', 1],
    ] as const) {
      expect((await cloud.act(id, { [action]: null })).status).toBe(202)
      expect((await cloud.settled(id, status))['OS-EXT-STS:power_state']).toBe(power)
    }
    expect(await cloud.actions(id)).toEqual(['create', 'pause', 'unpause', 'suspend', 'resume'])
  })

  test('can be deleted as it is', async () => {
    const { id } = await cloud.active()
    await cloud.act(id, { pause: null })
    await cloud.settled(id, 'PAUSED')
    expect((await cloud.ask('DELETE', `/servers/${id}`)).status).toBe(204)
  })
})

test('a password is changed in a guest that runs, and not in another', async () => {
  const { id } = await cloud.active()
  expect((await cloud.act(id, { changePassword: { adminPass: 'secret' } })).status).toBe(202)
  await cloud.settled(id, 'ACTIVE')
  expect((await cloud.act(id, { changePassword: {} })).status).toBe(400)
  await cloud.act(id, { 'os-stop': null })
  await cloud.settled(id, 'SHUTOFF')
  const refused = await cloud.act(id, { changePassword: { adminPass: 'secret' } })
  expect(refused.body.conflictingRequest.message).toBe(
    `Cannot 'set_admin_password' instance ${id} while it is in vm_state stopped`,
  )
})

test('a crash dump can be asked for from 2.17 on, with null and nothing else', async () => {
  const { id } = await cloud.active()
  expect((await cloud.act(id, { trigger_crash_dump: null }, { v: '2.16' })).status).toBe(404)
  expect((await cloud.act(id, { trigger_crash_dump: {} }, { v: '2.17' })).status).toBe(400)
  expect((await cloud.act(id, { trigger_crash_dump: null }, { v: '2.17' })).status).toBe(202)
  await cloud.settled(id, 'ACTIVE')
})

test('what the state does not allow is refused with its reason, and so is what a lock forbids', async () => {
  const { id } = await cloud.active()
  for (const [action, word] of [
    ['unpause', 'unpause'],
    ['resume', 'resume'],
    ['unrescue', 'unrescue'],
  ] as const) {
    const { status, body } = await cloud.act(id, { [action]: null })
    expect(status).toBe(409)
    expect(body.conflictingRequest.message).toBe(`Cannot '${word}' instance ${id} while it is in vm_state active`)
  }
  await cloud.act(id, { lock: null })
  for (const action of ['pause', 'suspend']) {
    const { status, body } = await cloud.act(id, { [action]: null })
    expect([status, body.conflictingRequest.message]).toEqual([409, `Instance ${id} is locked`])
  }
  // An admin is not held up by a lock.
  expect((await cloud.act(id, { pause: null }, { as: cloud.admin })).status).toBe(202)
  await cloud.settled(id, 'PAUSED')
})

describe('a rebuild', () => {
  test('makes the server anew from another image, with what the request changes of it', async () => {
    const { id } = await cloud.active('before')
    const [key] = [{ name: `key-${id.slice(0, 8)}` }]
    await cloud.ask('POST', '/os-keypairs', { v: '2.2', body: { keypair: key } })
    const { image } = await cloud.admin.prepare()
    await cloud.admin.request('PATCH', `/image/v2/images/${image}`, {
      body: [{ op: 'replace', path: '/visibility', value: 'public' }],
      headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' },
    })
    const rebuild = {
      imageRef: image,
      name: 'after',
      description: 'made anew',
      key_name: key!.name,
      user_data: 'IyEvYmluL3No',
      hostname: 'anew',
      metadata: { role: 'db' },
      adminPass: 'given',
    }
    const { status, body } = await cloud.act(id, { rebuild })
    expect(status).toBe(202)
    expect(body.server).toMatchObject({
      name: 'after',
      description: 'made anew',
      adminPass: 'given',
      key_name: key!.name,
      user_data: 'IyEvYmluL3No',
      metadata: { role: 'db' },
      image: { id: image },
      status: 'REBUILD',
      'OS-EXT-SRV-ATTR:hostname': 'anew',
    })
    await cloud.settled(id, 'ACTIVE')
    expect(await cloud.actions(id)).toEqual(['create', 'rebuild'])
  })

  test('of a stopped server leaves it stopped', async () => {
    const { id } = await cloud.active()
    await cloud.act(id, { 'os-stop': null })
    await cloud.settled(id, 'SHUTOFF')
    expect((await cloud.act(id, { rebuild: { imageRef: cloud.image } })).status).toBe(202)
    expect((await cloud.settled(id, 'SHUTOFF'))['OS-EXT-STS:power_state']).toBe(4)
  })

  test('knows each field from its version on, and answers the keys of that version', async () => {
    const { id } = await cloud.active()
    const rebuild = { imageRef: cloud.image }
    for (const [field, value, since, before] of [
      ['description', 'x', '2.19', '2.18'],
      ['key_name', null, '2.54', '2.53'],
      ['user_data', null, '2.57', '2.56'],
      ['trusted_image_certificates', null, '2.63', '2.62'],
      ['hostname', 'anew', '2.90', '2.89'],
    ] as const) {
      expect((await cloud.act(id, { rebuild: { ...rebuild, [field]: value } }, { v: before })).status).toBe(400)
      const { status, body } = await cloud.act(id, { rebuild: { ...rebuild, [field]: value } }, { v: since })
      expect([field, status]).toEqual([field, 202])
      expect('key_name' in body.server).toBe(since >= '2.54')
      expect('user_data' in body.server).toBe(since >= '2.57')
      expect('config_drive' in body.server).toBe(since >= '2.75')
      await cloud.settled(id, 'ACTIVE')
    }
  }, 30_000)

  test('refuses an image that is not there, and more metadata than the quota allows', async () => {
    const { id } = await cloud.active()
    const nowhere = '00000000-0000-4000-8000-000000000000'
    expect((await cloud.act(id, { rebuild: { imageRef: nowhere } })).status).toBe(400)
    expect((await cloud.act(id, { rebuild: { imageRef: 'nowhere' } })).status).toBe(400)
    const metadata = Object.fromEntries(Array.from({ length: 129 }, (_, number) => [`key-${number}`, 'x']))
    expect((await cloud.act(id, { rebuild: { imageRef: cloud.image, metadata } })).status).toBe(403)
    await cloud.settled(id, 'ACTIVE')
  })
})

test('a server is rescued with a password, and brought back', async () => {
  const { id } = await cloud.active()
  const { status, body } = await cloud.act(id, { rescue: { adminPass: 'given', rescue_image_ref: cloud.image } })
  expect([status, body]).toEqual([200, { adminPass: 'given' }])
  await cloud.settled(id, 'RESCUE')
  expect((await cloud.act(id, { rescue: null })).status).toBe(409)
  expect((await cloud.act(id, { unrescue: null })).status).toBe(202)
  await cloud.settled(id, 'ACTIVE')
  expect((await cloud.act(id, { rescue: null })).body.adminPass).toHaveLength(12)
  await cloud.settled(id, 'RESCUE')
  expect(await cloud.actions(id)).toEqual(['create', 'rescue', 'unrescue', 'rescue'])
})

describe('an image of a server', () => {
  const imageOf = async (id: string) => cloud.demo.get<Record<string, unknown>>(`/image/v2/images/${id}`)
  const whenActive = (id: string) =>
    eventually(async () => {
      const image = await imageOf(id)
      expect(image.status).toBe('active')
      return image
    })

  test('is there at once, is filled by the host, and says where it comes from', async () => {
    const { id } = await cloud.active()
    const createImage = { name: 'snap', metadata: { purpose: 'test' } }
    const { status, body } = await cloud.act(id, { createImage })
    expect(status).toBe(202)
    const image = await whenActive(body.image_id)
    expect(image).toMatchObject({
      name: 'snap',
      visibility: 'private',
      container_format: 'bare',
      disk_format: 'raw',
      min_disk: 1,
      purpose: 'test',
      image_type: 'snapshot',
      instance_uuid: id,
      base_image_ref: cloud.image,
    })
    await cloud.settled(id, 'ACTIVE')
    expect(await cloud.actions(id)).toEqual(['create', 'createImage'])
    const again = await cloud.demo.create('from-snapshot', body.image_id, cloud.flavor)
    await cloud.settled(again, 'ACTIVE')
  })

  test('is named in a header before 2.45', async () => {
    const { id } = await cloud.active()
    const { headers, body } = await cloud.act(id, { createImage: { name: 'snap' } }, { v: '2.44' })
    expect(body).toBeNull()
    await whenActive(headers.get('location')!.split('/').at(-1)!)
  })

  test('does not stay when the server is deleted meanwhile, nor when the request is refused', async () => {
    const { id } = await cloud.active()
    await cloud.act(id, { rescue: null })
    await cloud.settled(id, 'RESCUE')
    expect((await cloud.act(id, { createImage: { name: 'refused' } })).status).toBe(409)
    const { images } = await cloud.demo.get<{ images: unknown[] }>('/image/v2/images?name=refused')
    expect(images).toEqual([])
  })

  test('as a backup takes the place of the oldest of its kind', async () => {
    const { id } = await cloud.active()
    const made: string[] = []
    for (const name of ['one', 'two', 'three']) {
      const createBackup = { name, backup_type: 'daily', rotation: 2 }
      const { body } = await cloud.act(id, { createBackup })
      await whenActive(body.image_id)
      await cloud.settled(id, 'ACTIVE')
      made.push(body.image_id)
    }
    const { images } = await cloud.demo.get<{ images: { id: string }[] }>(`/image/v2/images?instance_uuid=${id}`)
    expect(images.map((image) => image.id).sort()).toEqual(made.slice(1).sort())
    expect((await cloud.act(id, { createBackup: { name: 'x', backup_type: 'daily', rotation: -1 } })).status).toBe(400)
    const none = await cloud.act(id, { createBackup: { name: 'none', backup_type: 'daily', rotation: 0 } })
    expect([none.status, none.body]).toEqual([202, null])
    await cloud.settled(id, 'ACTIVE')
    const left = await cloud.demo.get<{ images: unknown[] }>(`/image/v2/images?instance_uuid=${id}`)
    expect(left.images).toEqual([])
  }, 30_000)
})

describe('an interface', () => {
  const portsOf = async (id: string) => (await cloud.ask('GET', `/servers/${id}/os-interface`)).body.interfaceAttachments

  test('is attached with an address of its network, shown, and detached again', async () => {
    const server = await cloud.active()
    const [first] = await portsOf(server.id)
    const attach = { interfaceAttachment: { net_id: first.net_id } }
    const { status, body } = await cloud.ask('POST', `/servers/${server.id}/os-interface`, { body: attach })
    expect(status).toBe(200)
    const { port_id, fixed_ips } = body.interfaceAttachment
    expect(fixed_ips[0].ip_address).not.toBe(first.fixed_ips[0].ip_address)
    const all = Object.values((await cloud.show(server.id)).addresses).flat().map(({ addr }) => addr)
    expect(all).toContain(fixed_ips[0].ip_address)
    expect((await cloud.demo.get<{ port: object }>(`/network/v2.0/ports/${port_id}`)).port).toMatchObject({
      device_id: server.id,
    })

    expect((await cloud.ask('DELETE', `/servers/${server.id}/os-interface/${port_id}`)).status).toBe(202)
    await eventually(async () => expect(await portsOf(server.id)).toHaveLength(1))
    expect((await cloud.demo.request('GET', `/network/v2.0/ports/${port_id}`)).status).toBe(404)
    expect(await cloud.actions(server.id)).toEqual(['create', 'attach_interface', 'detach_interface'])
  })

  test('of an existing port stays when it is detached, and is refused when another server has it', async () => {
    const [one, other] = [await cloud.active(), await cloud.active()]
    const [first] = await portsOf(one.id)
    const { port } = await cloud.demo.post<{ port: { id: string } }>('/network/v2.0/ports', {
      port: { network_id: first.net_id },
    })
    const attach = (id: string) =>
      cloud.ask('POST', `/servers/${id}/os-interface`, { body: { interfaceAttachment: { port_id: port.id } } })
    expect((await attach(one.id)).body.interfaceAttachment.port_id).toBe(port.id)
    expect((await attach(other.id)).status).toBe(409)
    await cloud.ask('DELETE', `/servers/${one.id}/os-interface/${port.id}`)
    await eventually(async () => expect(await portsOf(one.id)).toHaveLength(1))
    expect((await cloud.demo.get<{ port: object }>(`/network/v2.0/ports/${port.id}`)).port).toMatchObject({ device_id: '' })
    expect((await cloud.ask('DELETE', `/servers/${one.id}/os-interface/${port.id}`)).status).toBe(404)
    await cloud.demo.delete(`/network/v2.0/ports/${port.id}`)
  })

  test('takes security groups and, until 2.43, more addresses', async () => {
    const { id } = await cloud.active()
    const made = await cloud.demo.post<{ security_group: { id: string } }>('/network/v2.0/security-groups', {
      security_group: { name: `group-${id}` },
    })
    const groups = async () =>
      (await cloud.ask('GET', `/servers/${id}/os-security-groups`)).body.security_groups.map((each: { id: string }) => each.id)
    const name = `group-${id}`
    expect((await cloud.act(id, { addSecurityGroup: { name } })).status).toBe(202)
    expect(await groups()).toContain(made.security_group.id)
    expect((await cloud.act(id, { removeSecurityGroup: { name } })).status).toBe(202)
    expect(await groups()).not.toContain(made.security_group.id)
    expect((await cloud.act(id, { removeSecurityGroup: { name } })).status).toBe(404)
    expect((await cloud.act(id, { addSecurityGroup: { name: 'nowhere' } })).status).toBe(404)

    const [{ net_id: networkId }] = await portsOf(id)
    expect((await cloud.act(id, { addFixedIp: { networkId } }, { v: '2.44' })).status).toBe(404)
    expect((await cloud.act(id, { addFixedIp: { networkId } }, { v: '2.43' })).status).toBe(202)
    const addresses = async () => Object.values((await cloud.show(id)).addresses).flat().map(({ addr }) => addr)
    const [, added] = await addresses()
    expect((await cloud.act(id, { removeFixedIp: { address: added } }, { v: '2.43' })).status).toBe(202)
    expect(await addresses()).toHaveLength(1)
  })
})

test('diagnostics are for admins, in the form of the version', async () => {
  const { id } = await cloud.active()
  expect((await cloud.ask('GET', `/servers/${id}/diagnostics`)).status).toBe(403)
  const { body } = await cloud.ask('GET', `/servers/${id}/diagnostics`, { as: cloud.admin })
  expect(body).toMatchObject({ state: 'running', driver: 'fake', num_cpus: 1, num_disks: 1 })
  const older = await cloud.ask('GET', `/servers/${id}/diagnostics`, { as: cloud.admin, v: '2.47' })
  expect(older.body).toMatchObject({ cpu0_time: 0, vda_read: 0, memory: 65_536 })
})
