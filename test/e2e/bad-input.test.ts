import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createIdentity } from '../../src/identity/index.ts'
import { systemClock } from '../../src/kernel/index.ts'
import { openDatabases } from '../../src/platform/db/index.ts'
import { type ApiClient, apiClient } from '../support/api-client.ts'
import { discrepancies, embeddedIn } from '../support/books.ts'
import { type CloudProcess, startCloudProcess } from '../support/cloud-process.ts'
import { quietLog } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { login } from '../support/identity.ts'

let cloud: CloudProcess
let admin: ApiClient
let demo: ApiClient
/** The tenant's own. */
let image: string
let flavor: string
/** Of the administrator's project. */
const theirs = { server: '', image: '', port: '', network: '' }

beforeAll(async () => {
  cloud = await startCloudProcess({ args: ['--compute-driver', 'fake'] })
  admin = await apiClient(cloud)
  demo = await apiClient(cloud, 'demo')
  ;({ image: theirs.image, flavor } = await admin.prepare())
  theirs.server = await admin.create('theirs', theirs.image, flavor)
  image = (await demo.post<{ id: string }>('/image/v2/images', { disk_format: 'raw', container_format: 'bare' })).id
  await demo.request('PUT', `/image/v2/images/${image}/file`, { body: new Uint8Array(4096) })
  await eventually(async () => {
    const { server } = await admin.get<{ server: { status: string } }>(`/compute/v2.1/servers/${theirs.server}`)
    expect(server.status).toBe('ACTIVE')
  })
  await admin.post('/compute/v2.1/os-keypairs', { keypair: { name: 'theirs' } })
  const made = await admin.post<{ network: { id: string } }>('/network/v2.0/networks', { network: { name: 'theirs' } })
  theirs.network = made.network.id
  const { port } = await admin.post<{ port: { id: string } }>('/network/v2.0/ports', {
    port: { network_id: theirs.network },
  })
  theirs.port = port.id
}, 120_000)
afterAll(() => cloud?.remove(), 60_000)

/** What a tenant must never read: paths, SQL, stacks, our own and the database's words. */
const INTERNAL =
  /\/tmp\/|\/var\/lib|\/src\/|node_modules|\.ts:\d|\bat \w+ \(|postgres|select .* from|insert into|violates/i

interface Sent {
  readonly headers?: Record<string, string>
  /** Sent as it is. */
  readonly body?: string | Uint8Array<ArrayBuffer>
  readonly token?: string | null
}

async function send(method: string, path: string, { headers, body, token = demo.token }: Sent = {}) {
  const answer = await fetch(`${cloud.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token === null ? {} : { 'x-auth-token': token }), ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const text = await answer.text()
  expect(text).not.toMatch(INTERNAL)
  expect(answer.headers.get('x-openstack-request-id')).toMatch(/^req-/)
  return { status: answer.status, text, headers: answer.headers }
}

/** The answer is Nova's fault: one key, and in it the code and a sentence. */
function expectFault(answer: { status: number; text: string }, status: number, name: string, message = /./): void {
  expect([answer.status, answer.text]).toEqual([status, expect.anything()])
  expect(JSON.parse(answer.text)).toEqual({ [name]: { code: status, message: expect.stringMatching(message) } })
}

const SERVERS = '/compute/v2.1/servers'
const create = (changes: object): string =>
  JSON.stringify({ server: { name: 'x', imageRef: image, flavorRef: flavor, ...changes } })

describe('a body', () => {
  test.each<[string, () => string | Uint8Array<ArrayBuffer>, number, string, RegExp]>([
    ['that is no JSON', () => '{"server": {', 400, 'badRequest', /[Mm]alformed/],
    [
      'that is no UTF-8',
      () => Uint8Array.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
      400,
      'badRequest',
      /./,
    ],
    ['with a surrogate that stands alone', () => '{"server": {"name": "\\ud800"}}', 400, 'badRequest', /./],
    ['of nothing', () => '', 400, 'badRequest', /./],
    ['of null', () => 'null', 400, 'badRequest', /./],
    ['that is a list', () => '[]', 400, 'badRequest', /./],
    ['a thousand levels deep', () => '['.repeat(1000) + ']'.repeat(1000), 400, 'badRequest', /./],
    ['with a field twice', () => '{"server": {}, "server": {}}', 400, 'badRequest', /./],
    ['with an unknown field', () => create({ bogus: 1 }), 400, 'badRequest', /bogus/],
    ['with a field of another type', () => create({ name: 7 }), 400, 'badRequest', /name/],
    ['without a field that must be there', () => create({ flavorRef: undefined }), 400, 'badRequest', /flavorRef/],
    ['with a name of 256 characters', () => create({ name: 'x'.repeat(256) }), 400, 'badRequest', /./],
    ['with NUL in a name', () => create({ name: 'a\u0000b' }), 400, 'badRequest', /./],
    ['with NUL in metadata', () => create({ metadata: { key: 'a\u0000b' } }), 400, 'badRequest', /./],
    ['with a name of a megabyte', () => create({ name: 'x'.repeat(2 ** 20) }), 413, 'overLimit', /too large/],
    ['with an image that is not there', () => create({ imageRef: crypto.randomUUID() }), 400, 'badRequest', /[Ii]mage/],
    ['with a path for an image', () => create({ imageRef: '../../etc/passwd' }), 400, 'badRequest', /./],
    ['with more servers than the quota has', () => create({ min_count: 100 }), 403, 'forbidden', /^Quota exceeded/],
    [
      'with more servers than any request may ask for',
      () => create({ min_count: 10_000 }),
      400,
      'badRequest',
      /at most/,
    ],
  ])('%s is refused', async (_what, body, status, name, message) => {
    expectFault(await send('POST', SERVERS, { body: body() }), status, name, message)
  })

  test('larger than the bound is refused though it does not say its size', async () => {
    const chunks = new ReadableStream({
      pull(out) {
        out.enqueue(Buffer.alloc(65_536, 0x20))
      },
    })
    const headers = { 'x-auth-token': demo.token, 'content-type': 'application/json' }
    const answer = await fetch(`${cloud.url}${SERVERS}`, { method: 'POST', headers, body: chunks }).catch(() => null)
    // The server may hang up before all is sent, as there is no end to it.
    if (answer) expect(answer.status).toBe(413)
    expect((await send('GET', SERVERS)).status).toBe(200)
  })

  test('under another content type is refused', async () => {
    const answer = await send('POST', SERVERS, { body: '<server/>', headers: { 'content-type': 'application/xml' } })
    expectFault(answer, 415, 'badMediaType')
  })
})

describe('a request', () => {
  test('at a microversion that is not there is 406', async () => {
    for (const version of ['2.9999', '3.0', '1.1']) {
      const answer = await send('GET', SERVERS, { headers: { 'openstack-api-version': `compute ${version}` } })
      expectFault(answer, 406, 'computeFault', /Version .* is not supported/)
    }
    expectFault(await send('GET', SERVERS, { headers: { 'openstack-api-version': 'compute two' } }), 400, 'badRequest')
  })

  test.each(['PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'with the method %s where it does not belong is 405',
    async (method) => {
      const answer = await send(method, SERVERS)
      expect(answer.status).toBe(405)
      expect(answer.headers.get('allow')).toContain('GET')
    },
  )

  test('for a path that is not there, or with NUL in it, is refused', async () => {
    expectFault(await send('GET', '/compute/v2.1/bogus'), 404, 'itemNotFound')
    expectFault(await send('GET', `${SERVERS}/%00`), 400, 'badRequest')
    expectFault(await send('GET', `${SERVERS}/..%2f..%2fetc%2fpasswd`), 404, 'itemNotFound')
    expectFault(await send('GET', `${SERVERS}?limit=-1`), 400, 'badRequest')
    expectFault(await send('GET', `${SERVERS}?marker=bogus`), 400, 'badRequest')
  })
})

describe('a token', () => {
  test('that is missing, made up or cut is refused by every service', async () => {
    for (const token of [
      null,
      'x',
      'gAAAAAB'.repeat(20),
      demo.token.slice(0, -4),
      `${demo.token}x`,
      'x'.repeat(8000),
    ]) {
      const answer = await send('GET', SERVERS, { token })
      expectFault(answer, 401, 'unauthorized')
      expect(answer.headers.get('www-authenticate')).toContain('/identity')
      for (const path of ['/image/v2/images', '/network/v2.0/networks', '/identity/v3/users']) {
        expect([path, (await send('GET', path, { token })).status]).toEqual([path, 401])
      }
    }
  })

  test('that has expired is refused', async () => {
    expectFault(
      await send('GET', SERVERS, { token: await tokenOf(systemClock.now() - 7_200_000) }),
      401,
      'unauthorized',
    )
    // The same way gives a good one when the time is right.
    expect((await send('GET', SERVERS, { token: await tokenOf(systemClock.now()) })).status).toBe(200)
  })

  test('of another cloud is refused', async () => {
    const other = await startCloudProcess({ args: ['--compute-driver', 'fake'] })
    try {
      expectFault(await send('GET', SERVERS, { token: (await apiClient(other)).token }), 401, 'unauthorized')
    } finally {
      await other.remove()
    }
  }, 60_000)

  test('gives no more rights by headers that only a proxy of the cloud may set', async () => {
    const headers = {
      'x-identity-status': 'Confirmed',
      'x-user-id': 'admin',
      'x-roles': 'admin',
      'x-project-id': 'admin',
      'x-is-admin-project': 'True',
      'x-service-roles': 'service',
      'x-forwarded-host': 'evil.example',
    }
    expectFault(await send('GET', SERVERS, { headers, token: null }), 401, 'unauthorized')
    expectFault(await send('GET', '/compute/v2.1/os-hypervisors', { headers }), 403, 'forbidden')
    expect((await send('GET', '/compute/v2.1/', { headers })).text).not.toContain('evil.example')
  })

  test('with a wrong password is not given, whoever the user is', async () => {
    const ask = (name: string, password: string) =>
      send('POST', '/identity/v3/auth/tokens', {
        token: null,
        body: JSON.stringify({
          auth: {
            identity: { methods: ['password'], password: { user: { name, domain: { name: 'Default' }, password } } },
          },
        }),
      })
    const [known, unknown] = await Promise.all([ask('admin', 'wrong'), ask('nobody', 'wrong')])
    expect(known.status).toBe(401)
    expect(unknown.text).toBe(known.text)
  })
})

describe('what belongs to another project', () => {
  test.each<[string, string, (() => object)?]>([
    ['GET', '/compute/v2.1/servers/SERVER'],
    ['PUT', '/compute/v2.1/servers/SERVER', () => ({ server: { name: 'mine' } })],
    ['DELETE', '/compute/v2.1/servers/SERVER'],
    ['POST', '/compute/v2.1/servers/SERVER/action', () => ({ 'os-stop': null })],
    ['POST', '/compute/v2.1/servers/SERVER/action', () => ({ reboot: { type: 'HARD' } })],
    ['POST', '/compute/v2.1/servers/SERVER/action', () => ({ 'os-getConsoleOutput': {} })],
    ['GET', '/compute/v2.1/servers/SERVER/os-instance-actions'],
    ['GET', '/compute/v2.1/servers/SERVER/metadata'],
    ['GET', '/compute/v2.1/servers/SERVER/os-interface'],
    ['GET', '/compute/v2.1/servers/SERVER/ips'],
    ['GET', '/compute/v2.1/os-keypairs/theirs'],
    ['DELETE', '/compute/v2.1/os-keypairs/theirs'],
    ['GET', '/image/v2/images/IMAGE'],
    ['DELETE', '/image/v2/images/IMAGE'],
    ['GET', '/image/v2/images/IMAGE/file'],
    ['PUT', '/image/v2/images/IMAGE/file'],
    ['GET', '/network/v2.0/ports/PORT'],
    ['DELETE', '/network/v2.0/ports/PORT'],
    ['GET', '/network/v2.0/networks/NETWORK'],
    ['DELETE', '/network/v2.0/networks/NETWORK'],
  ])('%s %s is not found', async (method, path, body) => {
    const real = path
      .replace('SERVER', theirs.server)
      .replace('IMAGE', theirs.image)
      .replace('PORT', theirs.port)
      .replace('NETWORK', theirs.network)
    const upload = method === 'PUT' && path.endsWith('/file')
    const answer = await send(method, real, {
      ...(body ? { body: JSON.stringify(body()) } : {}),
      ...(upload ? { body: new Uint8Array(16), headers: { 'content-type': 'application/octet-stream' } } : {}),
    })
    expect([method, path, answer.status]).toEqual([method, path, 404])
  })

  test('cannot be used for a server either, and is in no list', async () => {
    for (const changes of [
      { imageRef: theirs.image },
      { networks: [{ port: theirs.port }] },
      { networks: [{ uuid: theirs.network }] },
    ]) {
      expectFault(await send('POST', SERVERS, { body: create(changes) }), 400, 'badRequest')
    }
    const everything = [`${SERVERS}/detail`, '/compute/v2.1/os-keypairs', '/image/v2/images', '/network/v2.0/ports']
    for (const path of everything) {
      const { status, text } = await send('GET', path)
      expect([path, status]).toEqual([path, 200])
      for (const id of [theirs.server, theirs.image, theirs.port]) expect(text).not.toContain(id)
    }
    expectFault(await send('GET', `${SERVERS}?all_tenants=1`), 403, 'forbidden')
  })

  test('is all still there', async () => {
    const { server } = await admin.get<{ server: { status: string; name: string } }>(`${SERVERS}/${theirs.server}`)
    expect(server).toMatchObject({ status: 'ACTIVE', name: 'theirs' })
    await admin.get('/compute/v2.1/os-keypairs/theirs')
    await admin.get(`/network/v2.0/ports/${theirs.port}`)
  })
})

describe('an image', () => {
  const backing = (path: string) =>
    qcow2((header) => {
      header.writeBigUInt64BE(0x200n, 8)
      header.writeUInt32BE(path.length, 16)
      header.write(path, 0x200, 'latin1')
    })
  const dataFile = qcow2((header) => {
    // Incompatible feature "external data file", and the header extension that names it.
    header.writeBigUInt64BE(4n, 72)
    header.writeUInt32BE(0x44415441, 104)
    header.writeUInt32BE('/etc/shadow'.length, 108)
    header.write('/etc/shadow', 112, 'latin1')
  })
  const descriptor = Buffer.from(
    '# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 20480 FLAT "/etc/shadow" 0\n'.padEnd(4096, '\n'),
  )

  test.each<[string, string, Buffer]>([
    ['with a backing file of the host', 'qcow2', backing('/etc/shadow')],
    ['with a backing file in JSON', 'qcow2', backing('json:{"driver": "file", "filename": "/etc/shadow"}')],
    ['with a backing file over the network', 'qcow2', backing('nbd://127.0.0.1:10809')],
    ['with a data file of the host', 'qcow2', dataFile],
    ['whose descriptor names a file of the host', 'vmdk', descriptor],
    ['that is qcow2 and says raw', 'raw', qcow2(() => {})],
    ['that is raw and says qcow2', 'qcow2', Buffer.alloc(65_536, 7)],
  ])('%s is refused before any use', async (_what, disk_format, bytes) => {
    const fields = { name: 'bad', disk_format, container_format: 'bare' }
    const { id } = await demo.post<{ id: string }>('/image/v2/images', fields)
    const headers = { 'content-type': 'application/octet-stream', accept: 'application/json' }
    const upload = await send('PUT', `/image/v2/images/${id}/file`, { body: new Uint8Array(bytes), headers })
    expect(upload.status).toBe(415)
    expect(upload.text).not.toContain('shadow')
    expect(await demo.get(`/image/v2/images/${id}`)).toMatchObject({ status: 'queued', size: null })
    expect(readdirSync(join(cloud.statePath, 'images')).filter((name) => name.startsWith(id))).toEqual([])
    expectFault(await send('POST', SERVERS, { body: create({ imageRef: id }) }), 400, 'badRequest', /[Ii]mage/)
  })

  test('cannot be said to be somewhere on the host', async () => {
    const place = { url: 'file:///etc/shadow', metadata: {} }
    const body = JSON.stringify({ name: 'bad', disk_format: 'raw', container_format: 'bare', locations: [place] })
    expect((await send('POST', '/image/v2/images', { body })).status).toBe(403)
    const { id } = await demo.post<{ id: string }>('/image/v2/images', { name: 'bad' })
    const patch = JSON.stringify([{ op: 'add', path: '/locations/-', value: place }])
    const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
    expect((await send('PATCH', `/image/v2/images/${id}`, { body: patch, headers })).status).toBe(400)
  })
})

test('after all of it nothing is half-done, and the process is the same', async () => {
  expect(await discrepancies(embeddedIn(cloud.statePath), cloud.statePath)).toEqual([])
  const { servers } = await admin.get<{ servers: { id: string }[] }>(`${SERVERS}?all_tenants=1`)
  expect(servers.map((server) => server.id)).toEqual([theirs.server])
  process.kill(cloud.pid, 0)
  expect(await cloud.stop()).toBe(0)
}, 30_000)

/** A token of `demo` as another api of this cloud would have given it at that time. */
async function tokenOf(now: number): Promise<string> {
  const connection = embeddedIn(cloud.statePath).global
  const databases = await openDatabases({ global: connection, cells: [], log: quietLog, maxConnections: 1 })
  const identity = await createIdentity({
    db: databases.global,
    clock: { ...systemClock, now: () => now },
    log: quietLog,
    config: { token_expiration_s: 3600, password_hash_rounds: 4, region: 'RegionOne' },
  })
  try {
    const secrets = await Bun.file(join(cloud.statePath, 'secrets.json')).json()
    return (await login(identity, 'demo', secrets.demo_password, 'demo')).token
  } finally {
    await identity.close()
    await databases.close()
  }
}

/** An empty qcow2 of 1 MiB, version 3, with changes. */
function qcow2(change: (header: Buffer) => void): Buffer {
  const header = Buffer.alloc(4 * 65_536)
  header.write('QFI\xfb', 'latin1')
  header.writeUInt32BE(3, 4)
  header.writeUInt32BE(16, 20)
  header.writeBigUInt64BE(2n ** 20n, 24)
  header.writeUInt32BE(1, 36)
  header.writeBigUInt64BE(3n * 65_536n, 40)
  header.writeBigUInt64BE(65_536n, 48)
  header.writeUInt32BE(1, 56)
  header.writeUInt32BE(4, 96)
  header.writeUInt32BE(104, 100)
  change(header)
  return header
}
