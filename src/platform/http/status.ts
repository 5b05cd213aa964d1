import type { ProblemKind } from '../../kernel/index.ts'

/** What HTTP calls each kind of problem (RFC 9110). A face whose API answers otherwise says so itself. */
export const STATUS: Readonly<Record<ProblemKind, readonly [status: number, title: string]>> = {
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
