import type { Problem, ProblemKind } from '../../kernel/index.ts'
import type { Answer, Call } from '../../platform/http/index.ts'

const STATUS: Readonly<Record<ProblemKind, readonly [status: number, title: string]>> = {
  bad_request: [400, 'Bad Request'],
  unauthorized: [401, 'Unauthorized'],
  forbidden: [403, 'Forbidden'],
  over_quota: [403, 'Forbidden'],
  not_found: [404, 'Not Found'],
  method_not_allowed: [405, 'Method Not Allowed'],
  not_acceptable: [406, 'Not Acceptable'],
  conflict: [409, 'Conflict'],
  gone: [410, 'Gone'],
  too_large: [413, 'Request Entity Too Large'],
  unsupported_media_type: [415, 'Unsupported Media Type'],
  not_implemented: [501, 'Not Implemented'],
  unavailable: [503, 'Service Unavailable'],
  no_valid_host: [500, 'Internal Server Error'],
  internal: [500, 'Internal Server Error'],
}

/** Keystone's error body. A 401 says where to authenticate, a 503 when to come back if it is known. */
export function fault(problem: Problem, call: Call): Answer {
  const [status, title] = STATUS[problem.kind]
  const headers: Record<string, string> = {}
  if (status === 401) headers['www-authenticate'] = `Keystone uri="${call.baseUrl}"`
  const retryAfter_s = problem.details?.retry_after_s
  if (typeof retryAfter_s === 'number') headers['retry-after'] = String(retryAfter_s)
  return { status, body: { error: { code: status, message: problem.message, title } }, headers }
}
