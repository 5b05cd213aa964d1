import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ComputeApi, IMAGE, SECURITY_GROUP, startComputeApi } from '../../../test/support/compute-api.ts'
import type { Server } from '../../cells/index.ts'

let api: ComputeApi
let server: Server
const port = 'a2ed1d3c-0a30-4e3f-a6aa-6f8e3d1d7b11'

beforeAll(async () => {
  api = await startComputeApi()
  server = await api.addServer({ requested_networks: [{ network_id: 'b3ed1d3c-0a30-4e3f-a6aa-6f8e3d1d7b22', tag: 'public' }] })
})
afterAll(() => api.stop())

const get = (path: string, v?: string, as: 'member' | 'stranger' | 'admin' | 'nobody' = 'member') =>
  api.ask('GET', path, { as, ...(v ? { v } : {}) })

describe('the ports of a server', () => {
  const attached = {
    port_id: port,
    net_id: 'b3ed1d3c-0a30-4e3f-a6aa-6f8e3d1d7b22',
    mac_addr: 'fa:16:3e:b1:34:e3',
    fixed_ips: [{ subnet_id: 'c4ed1d3c-0a30-4e3f-a6aa-6f8e3d1d7b33', ip_address: '10.0.0.7' }],
    port_state: 'ACTIVE',
  }

  test('are listed, and shown one by one', async () => {
    expect((await get(`/servers/${server.id}/os-interface`)).body).toEqual({ interfaceAttachments: [attached] })
    expect((await get(`/servers/${server.id}/os-interface/${port}`)).body).toEqual({ interfaceAttachment: attached })
  })

  test('have the tag that was asked for from 2.70 on', async () => {
    const { body } = await get(`/servers/${server.id}/os-interface`, '2.70')
    expect(body.interfaceAttachments).toEqual([{ ...attached, tag: 'public' }])
    const untagged = await api.addServer()
    const { body: plain } = await get(`/servers/${untagged.id}/os-interface`, '2.70')
    expect(plain.interfaceAttachments[0].tag).toBeNull()
  })

  test('are not found by other projects, or where there is no such port', async () => {
    expect((await get(`/servers/${server.id}/os-interface`, undefined, 'stranger')).status).toBe(404)
    expect((await get(`/servers/${server.id}/os-interface/${server.id}`)).status).toBe(404)
    expect((await get(`/servers/${server.id}/os-interface`, undefined, 'nobody')).status).toBe(403)
  })
})

describe('the security groups of a server', () => {
  test('are shown with what they let in', async () => {
    const { id, name, description, project_id } = SECURITY_GROUP
    expect((await get(`/servers/${server.id}/os-security-groups`)).body).toEqual({
      security_groups: [
        {
          id,
          name,
          description,
          tenant_id: project_id,
          rules: [
            {
              id: 'from-anywhere',
              parent_group_id: id,
              ip_protocol: 'tcp',
              from_port: 22,
              to_port: 22,
              group: {},
              ip_range: { cidr: '0.0.0.0/0' },
            },
            {
              id: 'from-a-group',
              parent_group_id: id,
              ip_protocol: 'udp',
              from_port: 1,
              to_port: 65_535,
              group: { name: 'db', tenant_id: project_id },
              ip_range: {},
            },
          ],
        },
      ],
    })
    expect((await get(`/servers/${server.id}/os-security-groups`, undefined, 'stranger')).status).toBe(404)
  })

  test('are shown by name when they were asked for by id', async () => {
    const security_groups = [{ name: SECURITY_GROUP.id }]
    const body = { server: { name: 'x', flavorRef: '1', imageRef: IMAGE.id, security_groups } }
    const created = await api.ask('POST', '/servers', { body })
    expect(created.body.server.security_groups).toEqual([{ name: 'web' }])
  })
})

test('a server has no volumes', async () => {
  const path = `/servers/${server.id}/os-volume_attachments`
  expect((await get(path)).body).toEqual({ volumeAttachments: [] })
  expect((await get(`${path}?limit=x`)).status).toBe(400)
  expect([(await get(`${path}?other=1`, '2.74')).status, (await get(`${path}?other=1`, '2.75')).status]).toEqual([200, 400])
  expect((await get(path, undefined, 'stranger')).status).toBe(404)
})

describe('migrations', () => {
  test('there are none', async () => {
    expect((await get('/os-migrations', undefined, 'admin')).body).toEqual({ migrations: [] })
    expect((await get('/os-migrations?status=done&host=cmp1', '2.59', 'admin')).status).toBe(200)
    expect((await get('/os-migrations')).status).toBe(403)
  })

  test('can be asked for in pages from 2.59 on, and what is unknown is refused from then on', async () => {
    expect((await get('/os-migrations?bogus=1', '2.58', 'admin')).status).toBe(200)
    expect((await get('/os-migrations?bogus=1', '2.59', 'admin')).status).toBe(400)
    expect((await get(`/os-migrations?marker=${port}`, '2.58', 'admin')).status).toBe(200)
    expect((await get(`/os-migrations?marker=${port}`, '2.59', 'admin')).status).toBe(400)
    expect((await get('/os-migrations?changes-since=x', '2.59', 'admin')).status).toBe(400)
    expect((await get('/os-migrations?user_id=x', '2.79', 'admin')).status).toBe(400)
    expect((await get('/os-migrations?user_id=x', '2.80', 'admin')).status).toBe(200)
  })
})
