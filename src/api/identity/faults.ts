import type { Problem } from '../../kernel/index.ts'
import { type Answer, type Call, STATUS } from '../../platform/http/index.ts'

/** Keystone's error body. A 401 says where to authenticate, a 503 when to come back if it is known. */
export function fault(problem: Problem, call: Call): Answer {
  const [status, title] = STATUS[problem.kind]
  const headers: Record<string, string> = {}
  if (status === 401) headers['www-authenticate'] = `Keystone uri="${call.baseUrl}"`
  const retryAfter_s = problem.details?.retry_after_s
  if (typeof retryAfter_s === 'number') headers['retry-after'] = String(retryAfter_s)
  return { status, body: { error: { code: status, message: problem.message, title } }, headers }
}
