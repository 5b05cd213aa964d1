import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

/** Writes a file that only its owner may read; it is there whole or not at all, also after a power failure. */
export function writePrivateFile(path: string, text: string): void {
  renameSync(writeBeside(path, text), path)
}

/** The same for a file that is not there yet; of several processes that try at once, one succeeds. */
export function createPrivateFile(path: string, text: string): void {
  const fresh = writeBeside(path, text)
  try {
    linkSync(fresh, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(fresh)
  }
}

function writeBeside(path: string, text: string): string {
  const fresh = `${path}.${process.pid}`
  const fd = openSync(fresh, 'w', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  return fresh
}
