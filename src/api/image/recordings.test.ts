import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testDatabases, type TestDatabases } from '../../../test/support/database.ts'
import { quietLog } from '../../../test/support/quiet-log.ts'
import { differences, exchangesWith, Stands } from '../../../test/support/recordings.ts'
import { createImages, type Images } from '../../image/index.ts'
import { newHexId, type RequestContext, systemClock } from '../../kernel/index.ts'
import { type HttpServer, serve } from '../../platform/http/index.ts'
import { createPolicy } from '../../platform/policy/index.ts'
import { imageFace, imagePolicy } from './index.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const BYTES = new Uint8Array(1 << 20)
const PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'

const ALLOWANCES = {
  // Properties that one image has and another has not.
  optional: new Set([
    'a',
    'hw_disk_bus',
    'owner_specified.openstack.md5',
    'owner_specified.openstack.object',
    'owner_specified.openstack.sha256',
  ]),
  // Where the bytes are is nobody's business.
  leftOut: new Set(['direct_url', 'stores']),
}

// The versions that are offered are a matter of their own; snapshots of servers are not made here.
const exchanges = (await exchangesWith('image')).filter(({ path }) => path !== '/')

let databases: TestDatabases
let images: Images
let server: HttpServer
const directory = mkdtempSync(join(tmpdir(), 'images-'))
const stands = new Stands(UUID)

beforeAll(async () => {
  databases = await testDatabases()
  images = await createImages({
    db: databases.global,
    directory,
    clock: systemClock,
    log: quietLog,
    grantKey: Buffer.from('key'),
    maxBytes: 1 << 24,
  })
  const projectId = newHexId()
  const roles = ['admin', 'member', 'reader']
  const admin = { userId: 'u', projectId, roles, isAdmin: true, systemScope: null } as unknown as RequestContext
  server = await serve({
    faces: [imageFace({ images, authenticate: () => admin, policy: createPolicy({ defaults: imagePolicy, log: quietLog }) })],
    listen: { host: '127.0.0.1', port: 0 },
    logs: { role: () => quietLog },
    accessLog: false,
  })
})
afterAll(async () => {
  await server.stop({ deadline_s: 1 })
  await images.close()
  await databases.drop()
  rmSync(directory, { recursive: true })
})

test.each(exchanges.map((exchange, index) => [index + 1, exchange.command, exchange] as const))(
  'exchange %d, %s: the same status and form of answer',
  async (_, __, exchange) => {
    const { method, query, request, status, response: recorded } = exchange
    const upload = method === 'PUT'
    const type = upload ? 'application/octet-stream' : method === 'PATCH' ? PATCH_TYPE : 'application/json'
    const body = upload ? BYTES : request === null ? undefined : stands.here(JSON.stringify(request))
    const response = await fetch(`${server.url}/image${stands.here(exchange.path)}${query === '' ? '' : `?${query}`}`, {
      method,
      headers: { 'content-type': type },
      ...(body === undefined ? {} : { body }),
    })
    const bytes = await response.bytes()
    expect(response.status).toBe(status)
    if (typeof recorded === 'string') expect(recorded).toBe(`<${bytes.length} bytes>`)
    if (typeof recorded !== 'object' || recorded === null) return
    const ours: unknown = JSON.parse(new TextDecoder().decode(bytes))
    expect(differences(recorded, ours, ALLOWANCES)).toEqual([])
    stands.pair(recorded, ours)
  },
)
