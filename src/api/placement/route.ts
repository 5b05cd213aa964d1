import { notFound, Problem, type RequestContext } from '../../kernel/index.ts'
import type { Answer, Call, HttpRoute } from '../../platform/http/index.ts'
import type { Policy, Target } from '../../platform/policy/index.ts'
import { requestedVersion, type Version } from './version.ts'

export interface Gate {
  readonly authenticate: (call: Call) => RequestContext
  readonly policy: Policy
}

/** A request whose sender is known and allowed, and whose version has the route. */
export interface Asked {
  readonly call: Call
  readonly params: Readonly<Record<string, string>>
  readonly version: Version
}

export interface ReadRoute {
  readonly path: string
  /** First version that has it. */
  readonly from?: Version
  readonly policy: string
  readonly target?: (asked: Asked) => Target
  /** Gives the body, or nothing for an answer without one. */
  readonly read: (asked: Asked) => unknown
}

const WRITES = ['POST', 'PUT', 'PATCH', 'DELETE'] as const
/** Since when an answer says that it must not be kept. */
const CACHE_HEADERS_FROM = 15

/** A route to read, and what says why there is none to write. */
export function readRoute(gate: Gate, route: ReadRoute): HttpRoute[] {
  const read: HttpRoute = {
    method: 'GET',
    path: route.path,
    async handle(call): Promise<Answer> {
      const ctx = gate.authenticate(call)
      const version = requestedVersion(call.request.headers)
      if (version < (route.from ?? 0)) throw notFound('The resource could not be found.')
      const asked = { call, params: call.params, version }
      gate.policy.enforce(route.policy, ctx, route.target?.(asked))
      const body = await route.read(asked)
      if (body === undefined) return { status: 204 }
      const headers: Record<string, string> =
        version < CACHE_HEADERS_FROM
          ? {}
          : { 'last-modified': new Date().toUTCString(), 'cache-control': 'no-cache' }
      return { status: 200, body, headers }
    },
  }
  const writes = WRITES.map(
    (method): HttpRoute => ({
      method,
      path: route.path,
      handle(call) {
        gate.policy.enforce(route.policy, gate.authenticate(call))
        throw new Problem(
          'method_not_allowed',
          'This cloud keeps no second book: inventories are what compute hosts report, allocations what servers hold. ' +
            'They can be read here, and change with the hosts and servers themselves.',
          { details: { allow: ['GET'] } },
        )
      },
    }),
  )
  return [read, ...writes]
}
