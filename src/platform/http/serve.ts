import { Elysia } from 'elysia'
import { badRequest, notFound, Problem } from '../../kernel/index.ts'
import type { Logs } from '../log/index.ts'
import { accessLine } from './access-log.ts'
import { responseOf } from './answer.ts'
import { HttpCall, type Origin } from './call.ts'
import { type Answer, type Face, type HttpRoute, MAX_JSON_BODY_BYTES } from './http.ts'
import { faceOf, missProblem, mount, ownParams } from './routing.ts'
import { asksForSocket, GOING_AWAY, type HttpSocket, type OpenSockets, SOCKET_LIMITS, upgrade } from './socket.ts'

export interface ServeOptions {
  readonly faces: readonly Face[]
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Each face logs under its own name. */
  readonly logs: Pick<Logs, 'role'>
  /** Believe X-Forwarded-*: only behind a proxy that sets them (`[oslo_middleware] enable_proxy_headers_parsing`). */
  readonly trustProxyHeaders?: boolean
  /** Replaces scheme, host and prefix in links, by face name; see `[api] compute_link_prefix`. */
  readonly linkPrefixes?: Readonly<Record<string, string | undefined>>
  /** Most bytes of the body of a route that sets no bound of its own. Default `MAX_JSON_BODY_BYTES`. */
  readonly maxBodyBytes?: number
  /** Recognises errors of a layer below as a Problem, e.g. a lost database connection as `unavailable`. */
  readonly classify?: (error: unknown) => Problem | undefined
  /** One line per request at info. Default true. */
  readonly accessLog?: boolean
  /** Told of every request that was answered. */
  readonly observe?: (request: ServedRequest) => void
}

/** What is counted of a request. */
export interface ServedRequest {
  readonly face: string
  readonly method: string
  /** The route as it was declared, `/compute/v2.1/servers/:server_id`; `none` where nothing matched. */
  readonly route: string
  readonly status: number
  readonly seconds: number
}

export interface HttpServer {
  /** `http://127.0.0.1:8774` */
  readonly url: string
  readonly port: number
  /** Takes no new connections, lets requests under way end, and after `deadline_s` cuts those that have not. */
  stop(options: { deadline_s: number }): Promise<void>
}

/** Bun's greatest: console output of a slow host and uploads over slow lines may pause for long. */
const IDLE_TIMEOUT_S = 255

/**
 * Serves the faces on one port.
 * @throws when the address is taken or not ours; the message names it.
 */
export function serve(options: ServeOptions): Promise<HttpServer> {
  const { faces, accessLog = true, observe } = options
  const routes = faces.flatMap((face) =>
    [...face.routes, ...(face.sockets ?? []).map(asRoute)].map((route) => mount(face, route)),
  )
  const origins = new Map([...faces, nobody].map((face) => [face, originOf(face, options, () => listenUrl)]))
  const sockets: OpenSockets = new Set()
  let listenUrl = ''

  const app = new Elysia({
    // Bun's own router takes the path as sent, ours as `request.url` has it; they must not differ (`/v2/x/../y`).
    systemRouter: false,
    // Without this Elysia looks for the path from the 12th character on, and on a host named `ctl` finds none.
    handler: { standardHostname: false },
    // Elysia would share the port with whoever else listens on it; a second start should fail instead.
    serve: { reusePort: false, idleTimeout: IDLE_TIMEOUT_S, maxRequestBodySize: Number.MAX_SAFE_INTEGER },
    websocket: SOCKET_LIMITS,
  })

  for (const mounted of routes) {
    const { route, face } = mounted
    const origin = origins.get(face)!
    app.route(
      route.method,
      mounted.path,
      ({ request, params }) => {
        const own = ownParams(mounted, params)
        const call = new HttpCall(request, pathOf(request), face, own ?? {}, route, origin)
        return answer(call, () => {
          if (own === undefined) throw notFound(NO_SUCH_RESOURCE)
          return route.handle(call)
        })
      },
      { parse: 'none' },
    )
  }

  // Where the Host is missing or none, Bun gives the bare path as URL, and Elysia would cut off its first steps.
  app.onRequest(({ request }) => {
    if (request.url.startsWith('/')) return app.handle(new Request(`${listenUrl}${request.url}`, request))
    // Before routing: `/servers/detail.json` must not be taken for the server `detail`.
    if (!request.url.includes('.json')) return
    const path = pathOf(request)
    if (path.endsWith('.json') && faceOf(faces, path)?.jsonSuffix) {
      return app.handle(new Request(request.url.replace(path, path.slice(0, -'.json'.length)), request))
    }
  })
  app.onError(({ request, code, error }) => {
    const path = pathOf(request)
    const face = faceOf(faces, path) ?? nobody
    const call = new HttpCall(request, path, face, {}, undefined, origins.get(face)!)
    return answer(call, () => {
      throw code === 'NOT_FOUND' ? missProblem(routes, path, request.method) : error
    })
  })

  /** A websocket begins as a `GET`: whether it becomes one is the face's to decide. */
  function asRoute({ path, accept }: HttpSocket): HttpRoute {
    return {
      method: 'GET',
      path,
      async handle(call) {
        if (!asksForSocket(call.request)) throw badRequest('This address is for websockets.')
        const handlers = await accept(call)
        if (!upgrade(app.server!, call.request, handlers, sockets)) throw badRequest('The request is not a websocket handshake.')
        return { status: 101 }
      },
    }
  }

  /** Runs a handler and turns whatever it gives or throws into a response. */
  function answer(call: HttpCall, handle: () => Promise<Answer> | Answer): Response | Promise<Response> {
    const started = accessLog || observe ? performance.now() : 0
    const done = (given: Answer) => {
      const response = responseOf(given, call)
      if (accessLog) accessLine(call, response, app.server, performance.now() - started)
      observe?.({
        face: call.face.name,
        method: call.method,
        route: call.routePath,
        status: response.status,
        seconds: (performance.now() - started) / 1000,
      })
      return response
    }
    const failed = (error: unknown) => done(faultOf(problemOf(error, call, options.classify), call))
    try {
      // PostgreSQL's text cannot hold NUL: better a clear word here than an error of the database.
      if (call.request.url.includes('%00')) throw badRequest('NUL characters are not allowed in a URL.')
      const given = handle()
      return given instanceof Promise ? given.then(done).catch(failed) : done(given)
    } catch (error) {
      return failed(error)
    }
  }

  return listen(app, options.listen, sockets).then((server) => {
    listenUrl = server.url
    return server
  })
}

const NO_SUCH_RESOURCE = 'The resource could not be found.'

function originOf(face: Face, options: ServeOptions, listenUrl: () => string): Origin {
  return {
    log: options.logs.role(face.name),
    listenUrl,
    trustProxyHeaders: options.trustProxyHeaders ?? false,
    linkPrefix: options.linkPrefixes?.[face.name],
    maxBodyBytes: options.maxBodyBytes ?? MAX_JSON_BODY_BYTES,
  }
}

/** Answers for paths that belong to no face. */
const nobody: Face = {
  name: 'nova-api',
  prefix: '',
  routes: [],
  fault: (problem) => ({
    status: problem.kind === 'internal' ? 500 : problem.kind === 'bad_request' ? 400 : 404,
    body: { message: problem.message },
  }),
}

function problemOf(error: unknown, call: HttpCall, classify: ServeOptions['classify']): Problem {
  const problem = error instanceof Problem ? error : classify?.(error)
  if (problem === undefined) {
    call.log.error({ err: error }, `Unexpected error in ${call.method} ${call.fullPath}`)
    return new Problem('internal', 'An unexpected error prevented the server from fulfilling your request.')
  }
  if (problem.kind === 'internal' || problem.kind === 'unavailable') {
    call.log.warn({ err: problem.cause }, `${call.method} ${call.fullPath}: ${problem.message}`)
  }
  return problem
}

function faultOf(problem: Problem, call: HttpCall): Answer {
  try {
    const fault = call.face.fault(problem, call)
    const allow = problem.details?.allow
    return Array.isArray(allow) ? { ...fault, headers: { ...fault.headers, allow: allow.join(', ') } } : fault
  } catch (error) {
    call.log.error({ err: error }, 'A fault could not be rendered')
    return { status: 500 }
  }
}

function pathOf({ url }: Request): string {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  const end = url.indexOf('?', start)
  return end === -1 ? url.slice(start) : url.slice(start, end)
}

async function listen(
  app: Elysia,
  { host, port }: ServeOptions['listen'],
  sockets: OpenSockets,
): Promise<HttpServer> {
  try {
    app.listen({ hostname: host, port })
  } catch (cause) {
    throw new Error(`cannot listen on ${host}:${port}: ${(cause as Error).message}`, { cause })
  }
  const server = app.server!
  const bound = server.port!
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    async stop({ deadline_s }) {
      // They would go on for as long as somebody looks.
      for (const socket of sockets) socket.close(GOING_AWAY, 'The service is going away.')
      let timer: ReturnType<typeof setTimeout> | undefined
      const deadline = new Promise((resolve) => (timer = setTimeout(resolve, deadline_s * 1000)))
      await Promise.race([server.stop(), deadline])
      clearTimeout(timer)
      await server.stop(true)
    },
  }
}
