/** Facts beside the text of a line; they end up as `key=value`, some of them in a place of their own (see line.ts). */
export interface LogFields {
  /** Shown in brackets, so that one request is found across all logs. */
  request_id?: string
  user_id?: string
  project_id?: string
  /** Server the line is about, shown as `[instance: <uuid>]`. */
  instance?: string
  /** Overrides the role's name as the source of the line: `nova.image`. */
  module?: string
  /** Anything thrown; its stack and causes follow the line. */
  err?: unknown
  [key: string]: unknown
}

export interface LogMethod {
  (message: string): void
  (fields: LogFields, message: string): void
}

/** What code may do with a log. Satisfied by pino's logger. */
export interface Logger {
  debug: LogMethod
  info: LogMethod
  warn: LogMethod
  error: LogMethod
  /** A log whose every line carries these fields too. */
  child(fields: LogFields): Logger
}
