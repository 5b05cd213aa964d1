import type { Problem } from '../../kernel/index.ts'
import { type Answer, type Call, STATUS } from '../../platform/http/index.ts'
import { MAX_VERSION, requestedVersion } from './version.ts'

/** From here on an error has a code for programs. */
const CODES_FROM = 23

/** Placement's error body. */
export function fault(problem: Problem, call: Call): Answer {
  const [status, title] = STATUS[problem.kind]
  const error = {
    status,
    title,
    detail: problem.message,
    request_id: call.requestId,
    ...(hasCodes(call) && { code: 'placement.undefined_code' }),
    ...(status === 406 && { min_version: '1.0', max_version: `1.${MAX_VERSION}` }),
  }
  const headers: Record<string, string> = {}
  if (status === 401) headers['www-authenticate'] = `Keystone uri="${new URL(call.baseUrl).origin}/identity"`
  const allow = problem.details?.allow
  if (status === 405 && Array.isArray(allow)) headers.allow = allow.join(', ')
  return { status, body: { errors: [error] }, headers }
}

function hasCodes({ request }: Call): boolean {
  try {
    return requestedVersion(request.headers) >= CODES_FROM
  } catch {
    return false
  }
}
