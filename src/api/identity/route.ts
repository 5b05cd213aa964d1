import { forbidden, type RequestContext } from '../../kernel/index.ts'
import type { Identity, TokenInfo } from '../../identity/index.ts'
import type { Answer, Call, HttpRoute } from '../../platform/http/index.ts'
import type { Policy, Target } from '../../platform/policy/index.ts'
import { tokenOf } from './authenticator.ts'

/** The parameters that a path names: `/v3/users/:user_id` has `{ user_id: string }`. */
export type Params<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Record<Name, string> & Params<Rest>
  : Path extends `${string}:${infer Name}`
    ? Record<Name, string>
    : unknown

/** A request whose sender is known and allowed. */
export interface Granted<P> {
  readonly call: Call
  readonly params: P
  readonly ctx: RequestContext
  readonly token: TokenInfo
}

export interface RouteOptions<P> {
  /** Name of the rule that decides; null where any valid token will do. */
  readonly policy: string | null
  /** What the rule decides about, as far as the path says it. */
  readonly target?: (params: P) => Target
  /** Status of success. */
  readonly ok: number
  /** Gives the body, or nothing for an answer without one. */
  readonly handle: (granted: Granted<P>) => unknown
}

export type DeclareRoute = <Path extends string>(
  method: HttpRoute['method'],
  path: Path,
  options: RouteOptions<Params<Path>>,
) => HttpRoute

/** Declares routes that ask for a token and a policy rule before anything else happens. */
export function routeDeclarer(identity: Identity, policy: Policy): DeclareRoute {
  return <Path extends string>(method: HttpRoute['method'], path: Path, options: RouteOptions<Params<Path>>) => ({
    method,
    path,
    async handle(call: Call) {
      const token = tokenOf(identity, call)
      const ctx = identity.contextOf(token, call.requestId)
      call.caller = ctx
      const params = call.params as Params<Path>
      authorise(policy, options.policy, ctx, options.target?.(params))
      const body = await options.handle({ call, params, ctx, token })
      return body === undefined ? { status: options.ok } : { status: options.ok, body }
    },
  })
}

/** @throws {Problem} forbidden in Keystone's words */
export function authorise(policy: Policy, rule: string | null, ctx: RequestContext, target: Target = {}): void {
  if (rule !== null && !policy.allows(rule, ctx, target)) {
    throw forbidden(`You are not authorized to perform the requested action: ${rule}.`)
  }
}

/** A route anybody may call. */
export function openRoute(
  method: HttpRoute['method'],
  path: string,
  handle: (call: Call) => Promise<Answer> | Answer,
): HttpRoute {
  return { method, path, handle }
}
