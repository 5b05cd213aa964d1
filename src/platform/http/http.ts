import type { Problem, RequestContext } from '../../kernel/index.ts'
import type { Logger } from '../log/index.ts'
import type { HttpSocket } from './socket.ts'

/**
 * One HTTP API behind a path prefix, e.g. the compute API at `/compute`. A face owns its fault bodies and headers; the
 * server owns sockets, request ids, body bounds, access log and drain.
 */
export interface Face {
  /** Name in logs, also the log file's: `nova-api`. */
  readonly name: string
  /** Path prefix without trailing slash: `/compute`, or `` for the root. */
  readonly prefix: string
  readonly routes: readonly HttpRoute[]
  readonly sockets?: readonly HttpSocket[]
  /** Old clients ask for `/servers.json`: true makes it the same as `/servers`. Names ending so lose it, as in Nova. */
  readonly jsonSuffix?: boolean
  /** Turns any failure, a missing route included, into this API's body. Must not leak internals. */
  fault(problem: Problem, call: Call): Answer
  /** Headers of every answer of the face, faults included. */
  headers?(call: Call): Record<string, string>
}

export interface HttpRoute {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Elysia's path syntax below the prefix: `/v2.1/servers/:id`. */
  readonly path: string
  /** Upper bound of the body, bytes. Default is the server's; a stream route gives its own. */
  readonly maxBodyBytes?: number
  handle(call: Call): Promise<Answer> | Answer
}

/** One request as a handler sees it. */
export interface Call {
  readonly request: Request
  readonly method: string
  /** Path below the face's prefix. */
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly requestId: string
  /** `scheme://host[:port]` + the face's prefix as the client reached it; links in bodies begin with it. */
  readonly baseUrl: string
  readonly log: Logger
  /** Set by whoever authenticates the call; lines logged from then on name user and project. */
  caller?: RequestContext
  /**
   * The body as JSON; `null` when empty.
   * @throws {Problem} bad_request for malformed, too deep or duplicate-key JSON, too_large over the bound,
   *   unsupported_media_type for a content type that is not JSON
   */
  json(): Promise<unknown>
  /** The body as a stream, bounded by the route's `maxBodyBytes`. */
  stream(): ReadableStream<Uint8Array>
}

export interface Answer {
  readonly status: number
  /** Serialised as JSON; absent means no body. */
  readonly body?: unknown
  /** Sent as it is, instead of `body`. */
  readonly raw?: Blob | ReadableStream<Uint8Array> | string
  readonly headers?: Readonly<Record<string, string>>
}

/** Nova's default `[oslo_middleware] max_request_body_size`. */
export const MAX_JSON_BODY_BYTES = 114_688
