import { conflict, notFound, Problem } from '../src/kernel/index.ts'
import { DriverError, type DriverErrorKind } from './drivers/driver.ts'

const PROBLEMS: Record<DriverErrorKind, (error: DriverError) => Problem> = {
  bad_image: (error) => new Problem('bad_request', error.reason, { cause: error }),
  not_found: () => notFound('The server has no guest on its host.'),
  unavailable: (error) => new Problem('unavailable', error.reason, { cause: error }),
  unsupported: (error) => new Problem('not_implemented', error.reason, { cause: error }),
  failed: (error) => new Problem('internal', error.reason, { cause: error }),
}

/**
 * What the control plane is told of a failure, fit for a tenant's eyes. `bad_request` is the image's fault and the same
 * on every host; `unavailable` is worth another try, elsewhere or later; `not_found` means there is no guest to act on;
 * `not_implemented` that this host or guest cannot do it; `conflict` that a later command took over; `internal` is all else that went wrong on this host.
 */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof DriverError) return PROBLEMS[error.kind](error)
  return new Problem('internal', 'The host could not do what it was told.', { cause: error })
}

/** The answer to a command that a later one has made void. */
export const overtaken = (): Problem => conflict('The command was overtaken by a later one for the same server.')
