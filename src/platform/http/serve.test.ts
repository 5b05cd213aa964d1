import { afterAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { notFound, Problem, type RequestContext, unavailable } from '../../kernel/index.ts'
import { type LogFields, type Logger, silentLog } from '../log/index.ts'
import { type Face, type HttpRoute, type HttpServer, serve } from './index.ts'

const STATUS: Partial<Record<Problem['kind'], number>> = {
  bad_request: 400,
  not_found: 404,
  method_not_allowed: 405,
  too_large: 413,
  unsupported_media_type: 415,
  internal: 500,
  unavailable: 503,
}

const nothing = () => {}
let releaseSlow = nothing

const routes: HttpRoute[] = [
  { method: 'GET', path: '/', handle: () => ({ status: 300, body: { versions: [] } }) },
  { method: 'GET', path: '/v2.1/servers', handle: ({ query }) => ({ status: 200, body: [...query] }) },
  {
    method: 'POST',
    path: '/v2.1/servers',
    handle: async (call) => ({ status: 202, body: { got: await call.json() } }),
  },
  { method: 'GET', path: '/v2.1/servers/detail', handle: () => ({ status: 200, body: 'details' }) },
  {
    method: 'GET',
    path: '/v2.1/servers/:id',
    handle: ({ params, baseUrl }) => ({ status: 200, body: { ...params, baseUrl } }),
  },
  { method: 'DELETE', path: '/v2.1/servers/:id', handle: () => ({ status: 204 }) },
  { method: 'GET', path: '/v2.1/servers/:server_id/ips', handle: ({ params }) => ({ status: 200, body: params }) },
  { method: 'POST', path: '/v2.1/servers/:id/action', handle: () => ({ status: 202 }) },
  { method: 'GET', path: '/boom', handle: () => Promise.reject(new Error('password of the database')) },
  {
    method: 'GET',
    path: '/throw',
    handle: () => {
      throw notFound('Server x could not be found.')
    },
  },
  {
    method: 'GET',
    path: '/lost',
    handle: () => {
      throw Object.assign(new Error('socket'), { code: 'ECONNRESET' })
    },
  },
  {
    method: 'GET',
    path: '/slow',
    handle: () => new Promise((done) => (releaseSlow = () => done({ status: 200, body: 1 }))),
  },
  {
    method: 'PUT',
    path: '/file',
    maxBodyBytes: 1_000_000,
    async handle(call) {
      let size = 0
      for await (const chunk of call.stream()) size += chunk.length
      return { status: 200, body: size }
    },
  },
]

const face: Face = {
  name: 'nova-api',
  prefix: '/compute',
  jsonSuffix: true,
  routes,
  headers: (call) => ({ 'x-compute-request-id': call.requestId }),
  fault: ({ kind, message }) => ({ status: STATUS[kind] ?? 599, body: { fault: { message } } }),
}
const other: Face = { ...face, name: 'glance-api', prefix: '/image', jsonSuffix: false, routes: routes.slice(0, 1) }

const lines: string[] = []
const recorder: Logger = {
  ...silentLog,
  info: (a: string | LogFields, b?: string) => void lines.push(b ?? String(a)),
  error: (a: string | LogFields, b?: string) => void lines.push(b ?? String(a)),
  warn: (a: string | LogFields, b?: string) => void lines.push(b ?? String(a)),
  child: () => recorder,
}

const start = (extra: { trustProxyHeaders?: boolean; maxBodyBytes?: number } = {}) =>
  serve({
    faces: [face, other],
    listen: { host: '127.0.0.1', port: 0 },
    logs: { role: () => recorder },
    classify: (error) =>
      (error as { code?: string }).code === 'ECONNRESET' ? unavailable('Try again.', error) : undefined,
    ...extra,
  })

const server = await start()
afterAll(() => server.stop({ deadline_s: 1 }))

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream

const ask = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, { redirect: 'manual', ...init })
const post = (body: Body, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  ask('/compute/v2.1/servers', { method: 'POST', body, headers })

/** Sends bytes as they stand, for what fetch would tidy up. */
function raw(to: HttpServer, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(to.port, '127.0.0.1', () => socket.write(request.replaceAll('\n', '\r\n')))
    socket.on('data', (chunk) => (answer += chunk))
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

describe('answers', () => {
  test('JSON has exactly the plain content type and carries the request id in both headers', async () => {
    const response = await ask('/compute/v2.1/servers?a=1&a=2')
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/)
    expect(response.headers.get('x-compute-request-id')).toBe(response.headers.get('x-openstack-request-id'))
    expect(await response.json()).toEqual([
      ['a', '1'],
      ['a', '2'],
    ])
  })

  test('an answer without body has no content type', async () => {
    const accepted = await ask('/compute/v2.1/servers/1/action', { method: 'POST' })
    expect([accepted.status, accepted.headers.get('content-length')]).toEqual([202, '0'])
    const deleted = await ask('/compute/v2.1/servers/1', { method: 'DELETE' })
    expect([deleted.status, deleted.headers.get('content-type')]).toEqual([204, null])
  })

  test('HEAD has the headers of GET and no body', async () => {
    const response = await ask('/compute/v2.1/servers/1', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(10)
    expect(await response.text()).toBe('')
  })

  test('two routes may name one place differently', async () => {
    expect(await (await ask('/compute/v2.1/servers/x')).json()).toMatchObject({ id: 'x' })
    expect(await (await ask('/compute/v2.1/servers/x/ips')).json()).toEqual({ server_id: 'x' })
  })

  test('a trailing slash and a trailing .json are tolerated', async () => {
    for (const path of [
      '',
      '/',
      '/v2.1/servers/',
      '/v2.1/servers.json',
      '/v2.1/servers/1/',
      '/v2.1/servers/1/ips.json',
    ]) {
      expect([path, (await ask(`/compute${path}`)).status]).toEqual([path, path.length < 2 ? 300 : 200])
    }
    expect(await (await ask('/compute/v2.1/servers/1.json')).json()).toMatchObject({ id: '1' })
    expect(await (await ask('/compute/v2.1/servers/detail.json?name=a.json')).json()).toBe('details')
    const created = await ask('/compute/v2.1/servers.json', { method: 'POST', body: '{"a":1}' })
    expect(await created.json()).toEqual({ got: { a: 1 } })
    expect((await ask('/image.json')).status).toBe(404)
  })

  test('escaped bytes of a path arrive decoded', async () => {
    expect(await (await ask('/compute/v2.1/servers/a%2Fb%F0%9F%98%80')).json()).toMatchObject({ id: 'a/b😀' })
  })
})

describe('refusals', () => {
  test('an unknown path gets the fault of the face it lies below', async () => {
    const response = await ask('/compute/v2.1/nothing')
    expect(response.status).toBe(404)
    expect(await response.json()).toEqual({ fault: { message: 'The resource could not be found.' } })
    expect(response.headers.get('x-compute-request-id')).toMatch(/^req-/)
    expect((await ask('/elsewhere')).status).toBe(404)
    expect((await ask('/computer')).headers.get('x-compute-request-id')).toBeNull()
  })

  test('a wrong method names the right ones', async () => {
    const response = await ask('/compute/v2.1/servers/1', { method: 'PUT' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'DELETE, GET, HEAD'])
    expect((await ask('/compute/v2.1/servers/1', { method: 'OPTIONS' })).status).toBe(405)
  })

  test('a bad escape and a NUL are refused before any handler sees them', async () => {
    const get = (path: string) => raw(server, `GET /compute${path} HTTP/1.1\nHost: ctl\nConnection: close\n\n`)
    expect(await get('/v2.1/servers/%zz')).toStartWith('HTTP/1.1 404')
    expect(await get('/v2.1/servers/a%00')).toStartWith('HTTP/1.1 400')
    expect(await get('/v2.1/servers?name=%00')).toStartWith('HTTP/1.1 400')
  })

  test('bodies that are not strict JSON are refused', async () => {
    const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    const bad: Body[] = [
      '{',
      '{"a":1}x',
      "{'a':1}",
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '{"a":{"b":1,"b":1}}',
      '"\\u0000"',
      '"\\ud800"',
      '{"__proto__":1}',
      deep(65),
      new Uint8Array([0x22, 0xff, 0x22]),
      '"a\0b"',
      '\ufeff{}',
    ]
    for (const body of bad) expect([body, (await post(body)).status]).toEqual([body, 400])
    const good = ['{"a":"{\\"a\\":1,\\"a\\":2}","b":[{"a":1},{"a":2}]}', deep(64), '"\\ud83d\\ude00"', 'null', '']
    for (const body of good) expect([body, (await post(body)).status]).toEqual([body, 202])
  })

  test('content types other than JSON, plain text or none get 415', async () => {
    const vendor = 'application/vnd.openstack.compute+json; charset=utf-8'
    for (const type of ['application/json', vendor, 'text/plain;charset=utf-8', 'application/JSON']) {
      expect([type, (await post('{}', { 'content-type': type })).status]).toEqual([type, 202])
    }
    for (const type of ['application/xml', 'application/x-www-form-urlencoded', 'application/jsonx']) {
      expect([type, (await post('{}', { 'content-type': type })).status]).toEqual([type, 415])
    }
  })

  test('a body over the bound gets 413, announced or not', async () => {
    expect((await post('x'.repeat(114_689))).status).toBe(413)
    const endless = new ReadableStream({ pull: (out) => out.enqueue(new Uint8Array(65_536)) })
    expect((await post(endless)).status).toBe(413)
    const put = (bytes: number) => ask('/compute/file', { method: 'PUT', body: new Uint8Array(bytes) })
    expect(await (await put(1_000_000)).json()).toBe(1_000_000)
    expect((await put(1_000_001)).status).toBe(413)
  })
})

test('the bound of bodies can be set', async () => {
  const small = await start({ maxBodyBytes: 10 })
  const send = (body: string) => fetch(`${small.url}/compute/v2.1/servers`, { method: 'POST', body })
  expect([(await send('"12345678"')).status, (await send('"123456789"')).status]).toEqual([202, 413])
  await small.stop({ deadline_s: 1 })
})

describe('failures', () => {
  test('a Problem becomes the face’s fault', async () => {
    const response = await ask('/compute/throw')
    expect([response.status, await response.json()]).toEqual([
      404,
      { fault: { message: 'Server x could not be found.' } },
    ])
  })

  test('an unexpected error is logged and tells the client nothing', async () => {
    const response = await ask('/compute/boom')
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('password')
    expect(lines).toContain('Unexpected error in GET /compute/boom')
  })

  test('an error of a layer below is classified', async () => {
    expect((await ask('/compute/lost')).status).toBe(503)
  })
})

describe('base URL', () => {
  const base = async (to: HttpServer, headers: string) => {
    const answer = await raw(to, `GET /compute/v2.1/servers/1 HTTP/1.1\n${headers}Connection: close\n\n`)
    return (JSON.parse(answer.slice(answer.indexOf('{'))) as { baseUrl: string }).baseUrl
  }

  test('is what the client used, and never something that is no host', async () => {
    expect(await base(server, 'Host: ctl\n')).toBe('http://ctl/compute')
    expect(await base(server, 'Host: [::1]:8774\n')).toBe('http://[::1]:8774/compute')
    expect(await base(server, 'Host: a"><script>\n')).toBe(`${server.url}/compute`)
  })

  test('follows X-Forwarded headers only where they are trusted', async () => {
    const forwarded =
      'Host: ctl\nX-Forwarded-Proto: https\nX-Forwarded-Host: cloud.example.org, ctl\nX-Forwarded-Prefix: /os\n'
    expect(await base(server, forwarded)).toBe('http://ctl/compute')
    const behindProxy = await start({ trustProxyHeaders: true })
    expect(await base(behindProxy, forwarded)).toBe('https://cloud.example.org/os/compute')
    expect(await base(behindProxy, 'Host: ctl\nX-Forwarded-Port: 8443\n')).toBe('http://ctl:8443/compute')
    await behindProxy.stop({ deadline_s: 1 })
  })
})

test('each request has one access line in Nova’s form', async () => {
  lines.length = 0
  await ask('/compute/v2.1/servers?limit=1')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(
    /^127\.0\.0\.1 "GET \/compute\/v2\.1\/servers\?limit=1" status: 200 len: 15 time: \d\.\d{4}$/,
  )
})

test('lines of a request name its caller as soon as it is known', async () => {
  const logged: LogFields[] = []
  const log: Logger = { ...recorder, child: (fields) => (logged.push(fields), recorder) }
  const caller = { userId: 'u1', projectId: 'p1' } as RequestContext
  const route: HttpRoute = {
    method: 'GET',
    path: '/who',
    handle(call) {
      call.log.info('before')
      call.caller = caller
      call.log.info('after')
      return { status: 200, headers: { id: call.requestId } }
    },
  }
  const named = await serve({
    faces: [{ ...face, routes: [route] }],
    listen: { host: '127.0.0.1', port: 0 },
    logs: { role: () => log },
  })
  const request_id = (await fetch(`${named.url}/compute/who`)).headers.get('id')!
  expect(logged).toEqual([{ request_id }, { request_id, user_id: 'u1', project_id: 'p1' }])
  await named.stop({ deadline_s: 1 })
})

describe('stop', () => {
  test('lets a request under way end', async () => {
    const draining = await start()
    const slow = fetch(`${draining.url}/compute/slow`)
    await until(() => releaseSlow !== nothing)
    const stopped = draining.stop({ deadline_s: 30 })
    releaseSlow()
    expect((await slow).status).toBe(200)
    await stopped
    expect(fetch(`${draining.url}/compute`)).rejects.toThrow()
  })

  test('cuts what is still running at the deadline', async () => {
    const draining = await start()
    releaseSlow = nothing
    const slow = fetch(`${draining.url}/compute/slow`).then(
      () => 'answered',
      () => 'cut',
    )
    await until(() => releaseSlow !== nothing)
    await draining.stop({ deadline_s: 0.01 })
    expect(await slow).toBe('cut')
  })
})

test('an address that is taken is named', async () => {
  const again = serve({
    faces: [face],
    listen: { host: '127.0.0.1', port: server.port },
    logs: { role: () => silentLog },
  })
  expect(again).rejects.toThrow(`cannot listen on 127.0.0.1:${server.port}`)
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(1)
}
