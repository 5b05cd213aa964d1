import { dlopen, FFIType } from 'bun:ffi'
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'

/** Another process holds the lock. */
export class LockHeld extends Error {
  override readonly name = 'LockHeld'

  constructor(
    readonly file: string,
    /** Of the process that holds it, where it has said so. */
    readonly pid: number | null,
  ) {
    super(`${file} is locked by ${pid === null ? 'another process' : `the process ${pid}`}`)
  }
}

const LOCK_EX_NB = 2 | 4

/**
 * Takes a lock file for this process alone and writes our pid into it. The kernel lets go of the lock when the process
 * ends, however it ends, so there is no stale one to judge.
 * @throws {LockHeld}
 */
export function lock(file: string): { release(): void } {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o644)
  if (flock(fd) !== 0) {
    closeSync(fd)
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
    throw new LockHeld(file, Number.isNaN(pid) ? null : pid)
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
  throw new Error('found no C library to lock a file with')
}
