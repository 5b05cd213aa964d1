import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testDatabases, type TestDatabases } from '../../../test/support/database.ts'
import { createImages, GRANT_HEADER, type Images } from '../../image/index.ts'
import { newId, Problem, type RequestContext, systemClock } from '../../kernel/index.ts'
import { type HttpServer, serve } from '../../platform/http/index.ts'
import { silentLog } from '../../platform/log/index.ts'
import { createPolicy } from '../../platform/policy/index.ts'
import { imageFace, imagePolicy } from './index.ts'

const MAX_BYTES = 1_000_000
const START_TIMEOUT_MS = 60_000
const PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'

let databases: TestDatabases
let images: Images
let server: HttpServer
const directory = mkdtempSync(join(tmpdir(), 'images-'))

beforeAll(async () => {
  databases = await testDatabases()
  images = await createImages({
    db: databases.global,
    directory,
    clock: systemClock,
    log: silentLog,
    grantKey: Buffer.from('key'),
    maxBytes: MAX_BYTES,
  })
  const policy = createPolicy({ defaults: imagePolicy, log: silentLog })
  server = await serve({
    faces: [imageFace({ images, authenticate, policy })],
    listen: { host: '127.0.0.1', port: 0 },
    logs: { role: () => silentLog },
  })
}, START_TIMEOUT_MS)
afterAll(async () => {
  await server.stop({ deadline_s: 1 })
  await images.close()
  await databases.drop()
  rmSync(directory, { recursive: true })
})

/** A token here is `<project>` or `<project>:<role>`. */
function authenticate({ request, requestId }: { request: Request; requestId: string }): RequestContext {
  const token = request.headers.get('x-auth-token')
  if (!token) throw new Problem('unauthorized', 'The request you have made requires authentication.')
  const [projectId = '', role = 'member'] = token.split(':')
  const roles = { admin: ['admin', 'member', 'reader'], member: ['member', 'reader'], reader: ['reader'] }[role] ?? []
  const names = { userName: 'u', projectName: projectId, userDomainId: 'default', projectDomainId: 'default' }
  return { requestId, userId: 'u', projectId, roles, isAdmin: role === 'admin', systemScope: null, ...names }
}

interface Shown {
  id: string
  status: string
  name: string | null
  checksum: string | null
  size: number | null
  tags: string[]
  [key: string]: unknown
}
interface Reply {
  status: number
  headers: Headers
  text: string
  json: Shown & { images: Shown[]; members: Record<string, string>[]; next?: string; first: string; message: string }
}

async function ask(
  method: string,
  path: string,
  options: {
    as?: string
    body?: unknown
    bytes?: string | Uint8Array<ArrayBuffer> | ReadableStream
    headers?: Record<string, string>
  } = {},
): Promise<Reply> {
  const { as = 'p1', body, bytes } = options
  const type = bytes === undefined ? 'application/json' : 'application/octet-stream'
  const response = await fetch(`${server.url}/image${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(as ? { 'x-auth-token': as } : {}),
      'content-type': type,
      accept: 'application/json',
      ...options.headers,
    },
    ...(bytes !== undefined ? { body: bytes } : body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type') === 'application/json'
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: (isJson ? JSON.parse(text) : null) as Reply['json'],
  }
}

async function created(fields: Record<string, unknown> = {}, as = 'p1'): Promise<string> {
  const reply = await ask('POST', '/v2/images', {
    as,
    body: { disk_format: 'raw', container_format: 'bare', ...fields },
  })
  expect([reply.status, reply.text]).toEqual([201, reply.text])
  return reply.json.id
}
async function active(fields: Record<string, unknown> = {}, as = 'p1', bytes = 'hello'): Promise<string> {
  const id = await created(fields, as)
  expect((await ask('PUT', `/v2/images/${id}/file`, { as, bytes })).status).toBe(204)
  return id
}
const show = async (id: string, as = 'p1') => (await ask('GET', `/v2/images/${id}`, { as })).json
const patch = (id: string, body: unknown, as = 'p1') =>
  ask('PATCH', `/v2/images/${id}`, { as, body, headers: { 'content-type': PATCH_TYPE } })

describe('an image', () => {
  test('is created, uploaded, shown, downloaded and deleted', async () => {
    const made = await ask('POST', '/v2/images', {
      body: { name: 'i', disk_format: 'raw', container_format: 'bare', tags: ['b', 'a', 'b'], hw_disk_bus: 'virtio' },
    })
    expect(made.status).toBe(201)
    const { id } = made.json
    expect(made.headers.get('location')).toBe(`${server.url}/image/v2/images/${id}`)
    expect(made.json).toEqual({
      id,
      name: 'i',
      status: 'queued',
      visibility: 'shared',
      protected: false,
      os_hidden: false,
      owner: 'p1',
      disk_format: 'raw',
      container_format: 'bare',
      size: null,
      virtual_size: null,
      min_disk: 0,
      min_ram: 0,
      checksum: null,
      os_hash_algo: null,
      os_hash_value: null,
      tags: ['a', 'b'],
      hw_disk_bus: 'virtio',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      updated_at: expect.any(String),
      self: `/v2/images/${id}`,
      file: `/v2/images/${id}/file`,
      schema: '/v2/schemas/image',
    } as never)

    expect((await ask('GET', `/v2/images/${id}/file`)).status).toBe(204)
    expect((await ask('PUT', `/v2/images/${id}/file`, { bytes: 'hello' })).status).toBe(204)
    expect(await show(id)).toMatchObject({
      status: 'active',
      size: 5,
      virtual_size: 5,
      checksum: '5d41402abc4b2a76b9719d911017c592',
      os_hash_algo: 'sha512',
      os_hash_value: new Bun.CryptoHasher('sha512').update('hello').digest('hex'),
    })

    const got = await ask('GET', `/v2/images/${id}/file`)
    expect([got.status, got.text, got.headers.get('content-md5')]).toEqual([
      200,
      'hello',
      '5d41402abc4b2a76b9719d911017c592',
    ])
    expect(got.headers.get('content-type')).toBe('application/octet-stream')
    const part = await ask('GET', `/v2/images/${id}/file`, { headers: { range: 'bytes=1-2' } })
    expect([part.status, part.text, part.headers.get('content-range')]).toEqual([206, 'el', 'bytes 1-2/5'])
    expect((await ask('GET', `/v2/images/${id}/file`, { headers: { range: 'bytes=-2' } })).text).toBe('lo')
    expect((await ask('GET', `/v2/images/${id}/file`, { headers: { range: 'bytes=9-' } })).status).toBe(400)

    expect((await ask('DELETE', `/v2/images/${id}`)).status).toBe(204)
    expect((await ask('GET', `/v2/images/${id}`)).status).toBe(404)
    expect(readdirSync(directory).filter((name) => name.startsWith(id))).toEqual([])
  })

  test('may bring its own id, once', async () => {
    const id = newId()
    expect(await created({ id })).toBe(id)
    expect((await ask('POST', '/v2/images', { body: { id } })).status).toBe(409)
    expect((await ask('POST', '/v2/images', { body: { id: '../../etc/passwd' } })).status).toBe(400)
  })

  test('that is protected stays', async () => {
    const id = await created({ protected: true })
    expect((await ask('DELETE', `/v2/images/${id}`)).status).toBe(403)
    await patch(id, [{ op: 'replace', path: '/protected', value: false }])
    expect((await ask('DELETE', `/v2/images/${id}`)).status).toBe(204)
  })

  test('gains and loses tags', async () => {
    const id = await created()
    for (let twice = 0; twice < 2; twice++) expect((await ask('PUT', `/v2/images/${id}/tags/a%2Fb`)).status).toBe(204)
    expect((await show(id)).tags).toEqual(['a/b'])
    expect((await ask('DELETE', `/v2/images/${id}/tags/a%2Fb`)).status).toBe(204)
    expect((await ask('DELETE', `/v2/images/${id}/tags/a%2Fb`)).status).toBe(404)
  })

  test('that is deactivated keeps its bytes to itself', async () => {
    const id = await active()
    expect((await ask('POST', `/v2/images/${id}/actions/deactivate`)).status).toBe(403)
    expect((await ask('POST', `/v2/images/${id}/actions/deactivate`, { as: 'px:admin' })).status).toBe(204)
    expect((await ask('GET', `/v2/images/${id}/file`)).status).toBe(403)
    expect((await ask('POST', `/v2/images/${id}/actions/reactivate`, { as: 'px:admin' })).status).toBe(204)
    expect((await ask('GET', `/v2/images/${id}/file`)).status).toBe(200)
  })
})

describe('what is refused at creation', () => {
  const bad: [Record<string, unknown>, number][] = [
    [{ name: 'x'.repeat(256) }, 400],
    [{ name: 1 }, 400],
    [{ disk_format: 'floppy' }, 400],
    [{ min_disk: -1 }, 400],
    [{ min_ram: '1' }, 400],
    [{ min_ram: 2 ** 31 }, 400],
    [{ protected: 'yes' }, 400],
    [{ tags: ['x'.repeat(256)] }, 400],
    [{ tags: Array.from({ length: 129 }, (_, index) => `t${index}`) }, 413],
    [{ some_property: 1 }, 400],
    [{ ['x'.repeat(256)]: '1' }, 400],
    [Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`p${index}`, 'x'])), 413],
    [{ status: 'active' }, 403],
    [{ checksum: 'x' }, 403],
    [{ locations: [] }, 403],
    [{ owner: 'p2' }, 403],
    [{ visibility: 'public' }, 403],
    [{ visibility: 'secret' }, 400],
  ]
  test.each(bad)('%#', async (body, status) => {
    expect((await ask('POST', '/v2/images', { body })).status).toBe(status)
  })

  test('anything but an object', async () => {
    for (const body of [null, [], 'x', 1]) expect((await ask('POST', '/v2/images', { body })).status).toBe(400)
  })
})

describe('an upload', () => {
  /** Nothing is left over, and the image can be uploaded again. */
  async function isQueuedAgain(id: string): Promise<void> {
    expect(await show(id)).toMatchObject({ status: 'queued', size: null, checksum: null })
    expect(readdirSync(directory).filter((name) => name.startsWith(id))).toEqual([])
    expect((await ask('PUT', `/v2/images/${id}/file`, { bytes: 'hello' })).status).toBe(204)
  }

  test('of what is not the declared format is refused', async () => {
    const qcow2 = Buffer.alloc(512)
    qcow2.write('QFI\xfb\0\0\0\x03', 'latin1')
    const id = await created()
    const reply = await ask('PUT', `/v2/images/${id}/file`, { bytes: qcow2 })
    expect([reply.status, reply.json.message.includes('cannot be used')]).toEqual([415, true])
    await isQueuedAgain(id)
    const declared = await created({ disk_format: 'qcow2' })
    const raw = await ask('PUT', `/v2/images/${declared}/file`, { bytes: 'raw bytes' })
    expect(raw.json.message).toBe('The image is declared as qcow2, but its content is raw.')
  })

  test('over the bound is refused, announced or not', async () => {
    const id = await created()
    const reply = await ask('PUT', `/v2/images/${id}/file`, { bytes: new Uint8Array(MAX_BYTES + 1) })
    expect(reply.status).toBe(413)
    let sent = 0
    const endless = new ReadableStream({
      pull(out) {
        if ((sent += 100_000) > 2 * MAX_BYTES) out.close()
        else out.enqueue(new Uint8Array(100_000))
      },
    })
    expect((await ask('PUT', `/v2/images/${id}/file`, { bytes: endless })).status).toBe(413)
    await isQueuedAgain(id)
  })

  test('in many pieces arrives byte by byte', async () => {
    const id = await created()
    const content = crypto.getRandomValues(new Uint8Array(65_000))
    const body = new ReadableStream({
      async start(out) {
        for (let at = 0; at < content.length; at += 1300) {
          out.enqueue(content.subarray(at, at + 1300))
          await Bun.sleep(0)
        }
        out.close()
      },
    })
    expect((await ask('PUT', `/v2/images/${id}/file`, { bytes: body })).status).toBe(204)
    const download = await fetch(`${server.url}/image/v2/images/${id}/file`, { headers: { 'x-auth-token': 'p1' } })
    expect(Buffer.compare(await download.bytes(), content)).toBe(0)
    expect((await show(id)).checksum).toBe(new Bun.CryptoHasher('md5').update(content).digest('hex'))
  })

  test('onto a full disk is unavailable', async () => {
    const id = await created()
    const part = join(directory, `${id}.part`)
    symlinkSync('/dev/full', part)
    const reply = await ask('PUT', `/v2/images/${id}/file`, { bytes: 'hello' })
    expect([reply.status, reply.json.message]).toEqual([503, 'There is no space left for images.'])
    expect(readdirSync(directory)).not.toContain(`${id}.part`)
    await isQueuedAgain(id)
  })

  test('whose sender goes away leaves the image queued', async () => {
    const id = await created()
    const abort = new AbortController()
    const body = new ReadableStream({ pull: (out) => Bun.sleep(1).then(() => out.enqueue(new Uint8Array(1000))) })
    const upload = fetch(`${server.url}/image/v2/images/${id}/file`, {
      method: 'PUT',
      headers: { 'x-auth-token': 'p1', 'content-type': 'application/octet-stream' },
      body,
      signal: abort.signal,
    }).then(
      () => 'answered',
      () => 'cut',
    )
    while ((await show(id)).status !== 'saving') await Bun.sleep(1)
    abort.abort()
    expect(await upload).toBe('cut')
    while (readdirSync(directory).includes(`${id}.part`)) await Bun.sleep(1)
    await isQueuedAgain(id)
  })

  test('needs both formats, bytes as its type, and an image that has none yet', async () => {
    const formless = (await ask('POST', '/v2/images', { body: {} })).json.id
    expect((await ask('PUT', `/v2/images/${formless}/file`, { bytes: 'x' })).status).toBe(400)
    const id = await active()
    expect((await ask('PUT', `/v2/images/${id}/file`, { bytes: 'again' })).status).toBe(409)
    expect((await ask('GET', `/v2/images/${id}/file`)).text).toBe('hello')
    const typed = await ask('PUT', `/v2/images/${await created()}/file`, { body: {} })
    expect(typed.status).toBe(415)
  })

  test('of two at once one wins, and its bytes are what is kept', async () => {
    const id = await created()
    const replies = await Promise.all(['one', 'two'].map((bytes) => ask('PUT', `/v2/images/${id}/file`, { bytes })))
    expect(replies.map(({ status }) => status).sort()).toEqual([204, 409])
    const winner = replies[0]!.status === 204 ? 'one' : 'two'
    expect((await ask('GET', `/v2/images/${id}/file`)).text).toBe(winner)
  })

  test('of an image that is deleted meanwhile ends as gone and leaves no file', async () => {
    const id = await created()
    let finish: () => void = () => {}
    const body = new ReadableStream({
      start(out) {
        out.enqueue(new Uint8Array(1000))
        finish = () => out.close()
      },
    })
    const upload = ask('PUT', `/v2/images/${id}/file`, { bytes: body })
    while ((await show(id)).status !== 'saving') await Bun.sleep(1)
    expect((await ask('DELETE', `/v2/images/${id}`)).status).toBe(204)
    finish()
    expect((await upload).status).toBe(410)
    expect(readdirSync(directory).filter((name) => name.startsWith(id))).toEqual([])
  })
})

describe('a patch', () => {
  test('adds, replaces and removes', async () => {
    const id = await created({ name: 'old', a: '1' })
    const reply = await patch(id, [
      { op: 'replace', path: '/name', value: 'new' },
      { op: 'add', path: '/b~1c', value: '2' },
      { op: 'remove', path: '/a' },
      { op: 'replace', path: '/tags', value: ['x'] },
      { op: 'add', path: '/min_ram', value: 1 },
    ])
    expect(reply.status).toBe(200)
    expect(reply.json).toMatchObject({ name: 'new', 'b/c': '2', tags: ['x'], min_ram: 1 })
    expect(reply.json).not.toHaveProperty('a')
  })

  const bad: [unknown, number][] = [
    [[{ op: 'replace', path: '/absent', value: 'x' }], 409],
    [[{ op: 'remove', path: '/absent' }], 409],
    [[{ op: 'remove', path: '/name' }], 403],
    [[{ op: 'replace', path: '/status', value: 'active' }], 403],
    [[{ op: 'replace', path: '/id', value: newId() }], 403],
    [[{ op: 'replace', path: '/owner', value: 'p2' }], 403],
    [[{ op: 'replace', path: '/visibility', value: 'public' }], 403],
    [[{ op: 'replace', path: '/disk_format', value: 'raw' }], 403],
    [[{ op: 'replace', path: '/tags/0', value: 'x' }], 400],
    [[{ op: 'replace', path: 'name', value: 'x' }], 400],
    [[{ op: 'add', path: '/a~2', value: 'x' }], 400],
    [[{ op: 'add', path: '/a', value: 1 }], 400],
    [[{ op: 'move', path: '/a', from: '/name' }], 400],
    [[{ op: 'add', path: '/a' }], 400],
    [{ name: 'x' }, 400],
  ]
  test.each(bad)('%j is refused and nothing of it done', async (body, status) => {
    const id = await active({ name: 'kept' })
    const operations = Array.isArray(body)
      ? [{ op: 'replace', path: '/name', value: 'changed' }, ...(body as unknown[])]
      : body
    expect((await patch(id, operations)).status).toBe(status)
    expect((await show(id)).name).toBe('kept')
  })

  test('needs its own content type', async () => {
    const reply = await ask('PATCH', `/v2/images/${await created()}`, { body: [] })
    expect([reply.status, reply.headers.get('accept-patch')]).toEqual([415, PATCH_TYPE])
  })
})

describe('others’ images', () => {
  test('are found only where they are public, community or shared with the caller', async () => {
    const seen: Record<string, number[]> = {}
    for (const visibility of ['private', 'shared', 'community', 'public']) {
      const id = await active({ visibility }, 'p1:admin')
      const status = async (method: string, as: string) => (await ask(method, `/v2/images/${id}`, { as })).status
      seen[visibility] = await Promise.all(['p1', 'p2', 'p1:reader', 'px:admin'].map((who) => status('GET', who)))
      expect(await status('DELETE', 'p2')).toBe(seen[visibility][1] === 404 ? 404 : 403)
      expect(await status('DELETE', 'p1:reader')).toBe(403)
    }
    expect(seen).toEqual({
      private: [200, 404, 200, 200],
      shared: [200, 404, 200, 200],
      community: [200, 200, 200, 200],
      public: [200, 200, 200, 200],
    })
  })

  test('a shared image is seen by its members, and listed once they accept', async () => {
    const id = await active({ name: 'shared-one' })
    const listed = async (query = '') =>
      (await ask('GET', `/v2/images?name=shared-one${query}`, { as: 'p2' })).json.images.length
    const members = `/v2/images/${id}/members`
    expect((await ask('GET', members, { as: 'p2' })).status).toBe(404)
    expect((await ask('POST', members, { body: { member: 'p2' } })).json).toMatchObject({
      member_id: 'p2',
      status: 'pending',
    } as never)
    expect((await ask('POST', members, { body: { member: 'p2' } })).status).toBe(409)
    await ask('POST', members, { body: { member: 'p3' } })
    expect([await listed(), await listed('&member_status=pending')]).toEqual([0, 1])
    expect((await ask('GET', `/v2/images/${id}`, { as: 'p2' })).status).toBe(200)
    expect((await ask('PUT', `${members}/p2`, { body: { status: 'accepted' } })).status).toBe(403)
    expect((await ask('PUT', `${members}/p2`, { as: 'p2', body: { status: 'accepted' } })).status).toBe(200)
    expect(await listed()).toBe(1)
    expect((await ask('GET', members)).json.members).toHaveLength(2)
    expect((await ask('GET', members, { as: 'p2' })).json.members.map(({ member_id }) => member_id)).toEqual(['p2'])
    expect((await ask('GET', `${members}/p3`, { as: 'p2' })).status).toBe(404)
    expect((await ask('DELETE', `${members}/p2`, { as: 'p2' })).status).toBe(403)
    expect((await ask('DELETE', `${members}/p2`)).status).toBe(204)
    expect([await listed(), (await ask('GET', `/v2/images/${id}`, { as: 'p2' })).status]).toEqual([0, 404])
  })

  test('a property cannot pass for the owner', async () => {
    const id = await created({ visibility: 'community', project_id: 'p2' })
    expect((await ask('DELETE', `/v2/images/${id}`, { as: 'p2' })).status).toBe(403)
  })

  test('no id, however it looks, is more than not found', async () => {
    for (const id of ['bk9', '%2e%2e%2fpasswd', newId().toUpperCase(), "1'--"]) {
      expect((await ask('GET', `/v2/images/${id}`)).status).toBe(404)
      expect((await ask('GET', `/v2/images/${id}/file`)).status).toBe(404)
    }
  })

  test('nobody gets anything without a token', async () => {
    for (const path of ['/v2/images', `/v2/images/${newId()}`, `/v2/images/${newId()}/file`, '/v2/schemas/image']) {
      const reply = await ask('GET', path, { as: '' })
      expect([reply.status, reply.headers.get('www-authenticate')]).toEqual([
        401,
        `Keystone uri="${server.url}/identity"`,
      ])
    }
  })
})

describe('a list', () => {
  const project = 'lister'
  const names = async (query: string) =>
    (await ask('GET', `/v2/images?owner=${project}&${query}`, { as: project })).json.images.map(({ name }) => name)
  beforeAll(async () => {
    await active({ name: 'b', tags: ['t1', 't2'], os: 'linux' }, project, 'a longer one')
    await created({ name: 'a,x', disk_format: 'qcow2', tags: ['t1'] }, project)
    await created({ name: null, visibility: 'private' }, project)
    await created({ name: 'hidden', os_hidden: true }, project)
  })

  test('is filtered by attributes, tags, sizes, times and properties', async () => {
    expect(await names('')).toEqual([null, 'a,x', 'b'])
    expect(await names('status=active')).toEqual(['b'])
    expect(await names('status=in:queued,active&disk_format=raw&visibility=shared')).toEqual(['b'])
    expect(await names('name=in:"a,x",c')).toEqual(['a,x'])
    expect(await names('tag=t1')).toEqual(['a,x', 'b'])
    expect(await names('tag=t1&tag=t2')).toEqual(['b'])
    expect(await names('size_min=6&size_max=100')).toEqual(['b'])
    expect(await names('os=linux')).toEqual(['b'])
    expect(await names('os_hidden=true')).toEqual(['hidden'])
    expect(await names('created_at=lt:2000-01-01T00:00:00Z')).toEqual([])
    expect(await names('created_at=gte:2000-01-01T00:00:00&visibility=private')).toEqual([null])
    expect(await names("name=x'; drop table images; --")).toEqual([])
    expect(await names('id=nothing')).toEqual([])
  })

  test('is sorted by several keys, and paged without gap or repetition in any order', async () => {
    expect(await names('sort=name:asc')).toEqual([null, 'a,x', 'b'])
    expect(await names('sort_key=name&sort_dir=desc')).toEqual(['b', 'a,x', null])
    for (const sort of [
      'name:asc',
      'size:desc,name:asc',
      'status,disk_format:asc',
      'created_at',
      'disk_format:desc,name',
    ]) {
      const seen: unknown[] = []
      let path: string | undefined = `/v2/images?owner=${project}&limit=1&sort=${sort}`
      while (path) {
        const { json }: Reply = await ask('GET', path, { as: project })
        seen.push(...json.images.map(({ name }) => name))
        expect(json.first).not.toContain('marker')
        path = json.next
      }
      expect([sort, seen]).toEqual([sort, await names(`sort=${sort}`)])
    }
    expect(await names('limit=0')).toEqual([])
  })

  test('shows community images of others only when asked, hidden ones likewise', async () => {
    await created({ name: 'community-one', visibility: 'community' }, 'p1:admin')
    const count = async (query: string, as: string) =>
      (await ask('GET', `/v2/images?name=community-one${query}`, { as })).json.images.length
    expect([await count('', 'p1'), await count('', 'p2'), await count('', 'px:admin')]).toEqual([1, 0, 0])
    expect([await count('&visibility=community', 'p2'), await count('&visibility=all', 'p2')]).toEqual([1, 1])
  })

  test('names the parameter that is wrong', async () => {
    const bad = [
      'limit=-1',
      'limit=x',
      'marker=x',
      `marker=${newId()}`,
      'sort=color',
      'sort=name:up',
      'visibility=secret',
      'created_at=yesterday',
      'created_at=gt:2000-13-45',
      'protected=perhaps',
      'member_status=x',
      'size_min=1.5',
      'sort=name&sort_key=name',
      Array.from({ length: 65 }, (_, index) => `p${index}=x`).join('&'),
    ]
    for (const query of bad) expect([query, (await ask('GET', `/v2/images?${query}`)).status]).toEqual([query, 400])
  })
})

describe('discovery', () => {
  test('needs no token and links to where the client came in', async () => {
    const root = await ask('GET', '/', { as: '' })
    expect(root.status).toBe(300)
    const { versions } = root.json as unknown as { versions: { id: string; status: string; links: unknown }[] }
    expect(versions[0]).toEqual({
      id: 'v2.9',
      status: 'CURRENT',
      links: [{ rel: 'self', href: `${server.url}/image/v2/` }],
    })
    expect((await ask('GET', '/versions', { as: '' })).status).toBe(200)
  })

  test('tells that nothing is imported, and answers what Horizon and older clients look into', async () => {
    expect((await ask('GET', '/v2/info/import')).json).toMatchObject({ 'import-methods': { value: [] } })
    for (const [path, name] of [['/v2/tasks', 'tasks'], ['/v2/metadefs/namespaces', 'namespaces']] as const) {
      expect((await ask('GET', path)).json).toMatchObject({ [name]: [], first: path })
      expect((await ask('GET', path, { as: '' })).status).toBe(401)
    }
    const image = (await ask('POST', '/v2/images', { body: { name: 'i' } })).json
    const refused = [
      ['POST', '/v2/tasks'],
      ['POST', `/v2/images/${image.id}/import`],
      ['PUT', `/v2/images/${image.id}/stage`],
      ['POST', `/v2/images/${image.id}/locations`],
    ] as const
    for (const [method, path] of refused) expect([path, (await ask(method, path)).status]).toEqual([path, 501])
    expect((await ask('GET', '/v2/info/stores')).status).toBe(404)
    const locations = [{ op: 'add', path: '/locations/-', value: { url: 'file:///etc/passwd', metadata: {} } }]
    const patched = await ask('PATCH', `/v2/images/${image.id}`, { body: locations, headers: { 'content-type': PATCH_TYPE } })
    expect(patched.status).toBeGreaterThanOrEqual(400)
    expect(patched.status).toBeLessThan(500)
  })

  test('schemas are served by name', async () => {
    for (const name of ['image', 'images', 'member', 'members']) {
      expect((await ask('GET', `/v2/schemas/${name}`)).json.name).toBe(name)
    }
    expect((await ask('GET', '/v2/schemas/constructor')).status).toBe(404)
  })
})

test('a fault is HTML for whoever does not ask for JSON, and nothing in it is markup of the caller', async () => {
  const reply = await ask('GET', '/v2/images/%3Cscript%3E', { headers: { accept: '*/*' } })
  expect(reply.headers.get('content-type')).toBe('text/html; charset=UTF-8')
  expect(reply.text).toContain('<h1>404 Not Found</h1>\n  No image found with ID &#60;script&#62;<br /><br />')
})

describe('a host', () => {
  const download = (id: string, grant: string) =>
    ask('GET', `/v2/images/${id}/file`, { as: '', headers: { [GRANT_HEADER]: grant } })

  test('gets the bytes of the image it has a permission for, and of no other', async () => {
    const [one, two] = [await active(), await active()]
    const source = await images.imageSource(one, `${server.url}/image`)
    expect(source).toMatchObject({
      id: one,
      disk_format: 'raw',
      size_bytes: 5,
      url: `${server.url}/image/v2/images/${one}/file`,
    })
    const response = await fetch(source.url, { headers: source.headers })
    expect(await response.text()).toBe('hello')
    const grant = source.headers[GRANT_HEADER]!
    expect((await download(two, grant)).status).toBe(403)
    expect((await download(one, `9${grant}`)).status).toBe(403)
    expect((await download(one, 'x')).status).toBe(403)
  })

  test('gets nothing of an image that cannot be booted', async () => {
    const queued = await created()
    expect(images.imageSource(queued, 'http://x')).rejects.toThrow('is not active')
    expect(images.imageSource(newId(), 'http://x')).rejects.toThrow('No image found')
    const disc = await active({ disk_format: 'iso' }, 'p1', `${' '.repeat(0x8001)}CD001${' '.repeat(4096)}`)
    expect(images.imageSource(disc, 'http://x')).rejects.toThrow('its disk format is iso')
  })
})
