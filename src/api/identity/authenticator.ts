import { Problem, type RequestContext } from '../../kernel/index.ts'
import type { Identity, TokenInfo } from '../../identity/index.ts'
import type { Call } from '../../platform/http/index.ts'

/**
 * Who sends a request, told by `X-Auth-Token` alone: headers such as `X-User-Id` or `X-Roles` mean nothing here. For
 * all faces.
 * @throws {Problem} unauthorized without a valid token
 */
export function authenticator(identity: Identity): (call: Call) => RequestContext {
  return (call) => {
    const ctx = identity.contextOf(tokenOf(identity, call), call.requestId)
    call.caller = ctx
    return ctx
  }
}

/** The token of a request, read. @throws {Problem} unauthorized */
export function tokenOf(identity: Identity, call: Call): TokenInfo {
  const token = call.request.headers.get('x-auth-token')
  if (!token) throw new Problem('unauthorized', 'The request you have made requires authentication.')
  return identity.verify(token)
}
