import { newRequestId, type RequestContext } from '../../kernel/index.ts'
import type { LogFields, Logger } from '../log/index.ts'
import { boundedStream, readJson } from './body.ts'
import type { Call, Face, HttpRoute } from './http.ts'

/** What a call needs to know of the server it arrived at. */
export interface Origin {
  readonly log: Logger
  /** `http://address:port` where the server listens, for clients that send no usable Host. */
  listenUrl(): string
  readonly trustProxyHeaders: boolean
  /** Replaces scheme, host and prefix in links, as `[api] compute_link_prefix` does. */
  readonly linkPrefix: string | undefined
  /** For routes that set no bound of their own. */
  readonly maxBodyBytes: number
}

/** One request. What only some handlers look at is made when they do. */
export class HttpCall implements Call {
  readonly requestId = newRequestId()
  #log: Logger | undefined
  #caller: RequestContext | undefined
  #query: URLSearchParams | undefined
  #baseUrl: string | undefined

  constructor(
    readonly request: Request,
    /** Of the whole URL, query excluded. */
    readonly fullPath: string,
    readonly face: Face,
    readonly params: Readonly<Record<string, string>>,
    private readonly route: HttpRoute | undefined,
    private readonly origin: Origin,
  ) {}

  /** The route as it was declared, prefix included; `none` where nothing matched. */
  get routePath(): string {
    return this.route ? `${this.face.prefix}${this.route.path}` : 'none'
  }

  get method(): string {
    return this.request.method
  }

  get path(): string {
    return this.fullPath.slice(this.face.prefix.length) || '/'
  }

  get query(): URLSearchParams {
    const { url } = this.request
    const mark = url.indexOf('?')
    return (this.#query ??= new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1)))
  }

  get log(): Logger {
    return (this.#log ??= this.origin.log.child(this.logFields()))
  }

  /** Logs a line at info. Where it is the only one, a log of the call's own would cost as much as the line. */
  note(text: string): void {
    if (this.#log) this.#log.info(text)
    else this.origin.log.info(this.logFields(), text)
  }

  private logFields(): LogFields {
    const fields = { request_id: this.requestId }
    return this.#caller ? { ...fields, user_id: this.#caller.userId, project_id: this.#caller.projectId } : fields
  }

  get caller(): RequestContext | undefined {
    return this.#caller
  }

  set caller(caller: RequestContext | undefined) {
    this.#caller = caller
    this.#log = undefined
  }

  get baseUrl(): string {
    return (this.#baseUrl ??= this.origin.linkPrefix ?? `${clientOrigin(this.request, this.origin)}${this.face.prefix}`)
  }

  json(): Promise<unknown> {
    return readJson(this.request, this.maxBodyBytes)
  }

  stream(): ReadableStream<Uint8Array> {
    return boundedStream(this.request, this.maxBodyBytes)
  }

  private get maxBodyBytes(): number {
    return this.route?.maxBodyBytes ?? this.origin.maxBodyBytes
  }
}

/** Host names, IPv4, bracketed IPv6, optional port. Anything else must not get into links of an answer. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:\d{1,5})?$/i

/** Scheme and host as the client reached us. */
function clientOrigin(request: Request, origin: Origin): string {
  const { headers } = request
  if (!origin.trustProxyHeaders) {
    const host = headers.get('host')
    return host !== null && HOST.test(host) ? `http://${host}` : origin.listenUrl()
  }
  // A chain of proxies appends; the first value is the one nearest to the client.
  const first = (name: string) => headers.get(name)?.split(',', 1)[0]?.trim()
  const scheme = first('x-forwarded-proto') === 'https' ? 'https' : 'http'
  const host = first('x-forwarded-host') ?? headers.get('host') ?? ''
  if (!HOST.test(host)) return origin.listenUrl()
  const port = first('x-forwarded-port')
  const withPort = port && /^\d{1,5}$/.test(port) && !/:\d+$/.test(host) && port !== DEFAULT_PORT[scheme]
  const prefix = first('x-forwarded-prefix') ?? ''
  return `${scheme}://${host}${withPort ? `:${port}` : ''}${/^(\/[\w.~-]+)+$/.test(prefix) ? prefix : ''}`
}

const DEFAULT_PORT = { http: '80', https: '443' }
