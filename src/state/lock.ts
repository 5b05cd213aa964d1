import { dlopen, FFIType } from 'bun:ffi'
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'

/** The state path is in use by another process. */
export class StatePathInUse extends Error {
  override readonly name = 'StatePathInUse'

  constructor(
    readonly path: string,
    readonly pid: number | null,
  ) {
    super(
      `${path} is in use by ${pid === null ? 'another process' : `the process ${pid}`}. ` +
        'Stop that one first, or give this one a --state-path of its own.',
    )
  }
}

const LOCK_EX_NB = 2 | 4

/**
 * Holds a state path for this process alone. The kernel lets go of the lock when the process ends, however it ends, so
 * there is no stale one to judge.
 * @param file lock file; it holds the owner's pid, for people and for the error above.
 * @throws {StatePathInUse}
 */
export function lockStatePath(path: string, file: string): { release(): void } {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o644)
  if (flock(fd) !== 0) {
    closeSync(fd)
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
    throw new StatePathInUse(path, Number.isNaN(pid) ? null : pid)
  }
  ftruncateSync(fd)
  writeSync(fd, `${process.pid}\n`)
  return { release: () => closeSync(fd) }
}

function flock(fd: number): number {
  for (const library of ['libc.so.6', `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`, 'libc.dylib']) {
    let libc
    try {
      libc = dlopen(library, { flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } })
    } catch {
      continue
    }
    const result = libc.symbols.flock(fd, LOCK_EX_NB)
    libc.close()
    return result
  }
  throw new Error('found no C library to lock the state path with')
}
