import { lock, LockHeld } from '../platform/lock/index.ts'

/** The state path is in use by another process. */
export class StatePathInUse extends Error {
  override readonly name = 'StatePathInUse'
}

/**
 * Holds a state path for this process alone, by a lock file in it.
 * @throws {StatePathInUse}
 */
export function lockStatePath(path: string, file: string): { release(): void } {
  try {
    return lock(file)
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error
    throw new StatePathInUse(
      `${path} is in use by ${error.pid === null ? 'another process' : `the process ${error.pid}`}. ` +
        'Stop that one first, or give this one a --state-path of its own.',
    )
  }
}
