import { Problem, type ProblemKind } from '../../kernel/index.ts'
import type { Logger } from '../log/index.ts'

/** What a failed call brings back: never a stack or a cause, which stay in the log of the side that failed. */
export interface Failure {
  readonly kind: ProblemKind
  readonly message: string
}

/** Reduces what a handler threw to what may cross the bus, and logs it where it was not expected. */
export function failureOf(error: unknown, topic: string, log: Logger): Failure {
  if (error instanceof Problem) return { kind: error.kind, message: error.message }
  log.error({ err: error }, `a call on ${topic} failed unexpectedly`)
  return { kind: 'internal', message: 'An unexpected error occurred; its cause is in the log of the service.' }
}

export function problemOf(failure: Failure): Problem {
  return new Problem(failure.kind, failure.message)
}
