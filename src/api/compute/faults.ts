import type { Problem, ProblemKind } from '../../kernel/index.ts'
import type { Answer } from '../../platform/http/index.ts'

/** Status and name of the fault body, as Nova's clients know them. What has no name of its own is a `computeFault`. */
const FAULTS: Record<ProblemKind, readonly [status: number, name: string]> = {
  bad_request: [400, 'badRequest'],
  unauthorized: [401, 'unauthorized'],
  forbidden: [403, 'forbidden'],
  over_quota: [403, 'forbidden'],
  not_found: [404, 'itemNotFound'],
  method_not_allowed: [405, 'badMethod'],
  not_acceptable: [406, 'computeFault'],
  conflict: [409, 'conflictingRequest'],
  gone: [410, 'computeFault'],
  too_large: [413, 'overLimit'],
  unsupported_media_type: [415, 'badMediaType'],
  not_implemented: [501, 'notImplemented'],
  unavailable: [503, 'serviceUnavailable'],
  no_valid_host: [400, 'badRequest'],
  internal: [500, 'computeFault'],
}

const UNEXPECTED =
  'Unexpected API Error. Please report this to the operator of this cloud, with the request id of the answer.'

/** `{"<name>": {"code": N, "message": "…"}}`; an unexpected error shows nothing of itself. */
export function faultAnswer(problem: Problem, identityUrl: string): Answer {
  const [status, name] = FAULTS[problem.kind]
  const message = problem.kind === 'internal' ? UNEXPECTED : problem.message
  const retryAfter = problem.details?.retry_after_s
  const headers: Record<string, string> = {}
  if (status === 401) headers['WWW-Authenticate'] = `Keystone uri="${identityUrl}"`
  if (typeof retryAfter === 'number') headers['Retry-After'] = String(retryAfter)
  const body = {
    [name]: { code: status, message, ...(typeof retryAfter === 'number' ? { retryAfter: String(retryAfter) } : {}) },
  }
  return { status, body, headers }
}
