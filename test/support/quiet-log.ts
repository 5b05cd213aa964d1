import type { Logger } from '../../src/platform/log/index.ts'

/** Drops what a test does not assert. */
export const quietLog: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => quietLog,
}
