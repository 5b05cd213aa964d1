import { Problem, unavailable } from '../../kernel/index.ts'

/** SQLSTATEs that say the database cannot serve now, by what a person should read. */
const UNAVAILABLE_STATES: Record<string, string> = {
  '53100': 'The database has no disk space left.',
  '53200': 'The database is out of memory.',
  '53300': 'The database has too many connections.',
  '53400': 'The database has reached a configured limit.',
  '55P03': 'The database was too busy to finish the request in time.',
  '57014': 'The database was too busy to finish the request in time.',
  '25P03': 'The database was too busy to finish the request in time.',
  '25P04': 'The database was too busy to finish the request in time.',
  '57P01': 'The database is restarting.',
  '57P02': 'The database is restarting.',
  '57P03': 'The database is restarting.',
  '57P05': 'The database is restarting.',
  '58030': 'The database cannot read or write its files.',
  '25006': 'The database is read-only.',
  // Repeated as often as it makes sense; by now it is load, not a defect.
  '40001': 'The database was too busy to finish the request in time.',
  '40P01': 'The database was too busy to finish the request in time.',
}

/** The driver's own codes of a lost, refused or closed connection. */
const CONNECTION_CODES = new Set(['CONNECTION_CLOSED', 'CONNECTION_DESTROYED', 'CONNECTION_ENDED', 'CONNECT_TIMEOUT'])

/** Codes of the operating system; believed only from a socket, for files have them too. */
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAGAIN',
  'ENOENT',
  'EACCES',
])

/**
 * `unavailable` for a failure of the database itself: connection lost or refused, timeout, disk full, shutting down.
 * Undefined for all else, constraint violations among it: what those mean only the store that caused them knows.
 */
export function asProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined
  const code = codeOf(error)
  if (code === undefined) return undefined
  const state = isPostgresError(error) ? UNAVAILABLE_STATES[code] : undefined
  if (state) return unavailable(state, error)
  if (isConnectionLoss(error)) return unavailable('The database is not reachable.', error)
  return undefined
}

/** True when the connection failed, so that nobody can tell whether a commit sent over it took effect. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = codeOf(error)
  if (code === undefined) return false
  if (isPostgresError(error)) return code.startsWith('08') || code.startsWith('57P')
  return CONNECTION_CODES.has(code) || (SOCKET_CODES.has(code) && isSocketError(error))
}

/** True for a serialization failure or deadlock: the transaction was rolled back and may be tried again. */
export function isRetryable(error: unknown): boolean {
  return isPostgresError(error) && (error.code === '40001' || error.code === '40P01')
}

/** True when a unique index or primary key refused a row; with `constraint`, only when it was that one. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return isViolation(error, '23505', constraint)
}

/** True when a row refers to one that is not there, or one that is still referred to was deleted. */
export function isForeignKeyViolation(error: unknown, constraint?: string): boolean {
  return isViolation(error, '23503', constraint)
}

function isViolation(error: unknown, code: string, constraint: string | undefined): boolean {
  if (!isPostgresError(error) || error.code !== code) return false
  return constraint === undefined || error.constraint_name === constraint
}

function isPostgresError(error: unknown): error is Error & { code: string; constraint_name?: string } {
  return error instanceof Error && error.name === 'PostgresError'
}

function codeOf(error: Error): string | undefined {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code : undefined
}

/** The driver hangs the statement on an error that reached one; a failed connect names the system call. */
function isSocketError(error: Error): boolean {
  return 'query' in error || (error as { syscall?: unknown }).syscall === 'connect'
}
