/**
 * What can go wrong, by name. Each HTTP face maps a kind to its own status and body (`src/api/<face>/faults.ts`), so
 * use cases never speak of HTTP.
 */
export type ProblemKind =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'over_quota'
  | 'not_found'
  | 'method_not_allowed'
  | 'not_acceptable'
  | 'conflict'
  | 'gone'
  | 'too_large'
  | 'unsupported_media_type'
  | 'not_implemented'
  | 'unavailable'
  | 'no_valid_host'
  | 'internal'

/**
 * An expected failure. `message` is written for the person who made the request and may be shown to a tenant as it
 * stands: no host names, paths, SQL or stack traces. The technical reason goes into `cause`, which only logs see.
 */
export class Problem extends Error {
  override readonly name = 'Problem'

  constructor(
    readonly kind: ProblemKind,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, { cause: options.cause })
    this.details = options.details
  }

  /** Facts a face may use, such as `{ retry_after_s }` or Neutron's error type. */
  readonly details: Record<string, unknown> | undefined
}

export const badRequest = (message: string, cause?: unknown): Problem => new Problem('bad_request', message, { cause })
export const notFound = (message: string): Problem => new Problem('not_found', message)
export const conflict = (message: string): Problem => new Problem('conflict', message)
export const forbidden = (message: string): Problem => new Problem('forbidden', message)
export const unavailable = (message: string, cause?: unknown): Problem => new Problem('unavailable', message, { cause })
