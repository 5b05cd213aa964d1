import type { Problem, ProblemKind } from '../../kernel/index.ts'
import type { Answer, Call } from '../../platform/http/index.ts'

const STATUS: Readonly<Record<ProblemKind, readonly [status: number, type: string]>> = {
  bad_request: [400, 'HTTPBadRequest'],
  unauthorized: [401, 'HTTPUnauthorized'],
  forbidden: [403, 'PolicyNotAuthorized'],
  over_quota: [409, 'OverQuota'],
  not_found: [404, 'HTTPNotFound'],
  method_not_allowed: [405, 'HTTPMethodNotAllowed'],
  not_acceptable: [406, 'HTTPNotAcceptable'],
  conflict: [409, 'HTTPConflict'],
  gone: [410, 'HTTPGone'],
  too_large: [413, 'HTTPRequestEntityTooLarge'],
  unsupported_media_type: [415, 'HTTPUnsupportedMediaType'],
  not_implemented: [501, 'HTTPNotImplemented'],
  unavailable: [503, 'HTTPServiceUnavailable'],
  no_valid_host: [500, 'HTTPInternalServerError'],
  internal: [500, 'HTTPInternalServerError'],
}

/** Neutron's error body. A 401 is Keystone's, for it comes from the token check in front of Neutron. */
export function fault(problem: Problem, call: Call): Answer {
  const [status, general] = STATUS[problem.kind]
  const { message, details } = problem
  if (status === 401) {
    return {
      status,
      body: { error: { code: 401, title: 'Unauthorized', message } },
      headers: { 'www-authenticate': `Keystone uri="${new URL(call.baseUrl).origin}/identity"` },
    }
  }
  const type = typeof details?.type === 'string' ? details.type : general
  const headers: Record<string, string> = {}
  if (typeof details?.retry_after_s === 'number') headers['retry-after'] = String(details.retry_after_s)
  return { status, body: { NeutronError: { type, message, detail: '' } }, headers }
}
