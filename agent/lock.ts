import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { lock, LockHeld } from '../src/platform/lock/index.ts'

/** The directory is in use by another agent of this machine. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse'
}

/**
 * Holds a directory for this process alone; makes it when it is missing.
 * @throws {DirectoryInUse}
 */
export function lockDirectory(directory: string): { release(): void } {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  try {
    return lock(join(directory, 'lock'))
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error
    const owner = error.pid === null ? 'another agent' : `the agent with process id ${error.pid}`
    throw new DirectoryInUse(`${owner} uses ${directory}; stop it, or give this one another state_path`)
  }
}
