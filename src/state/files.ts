import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'

/** Writes a file that only its owner may read; it is there whole or not at all, also after a power failure. */
export function writePrivateFile(path: string, text: string): void {
  const fresh = `${path}.new`
  const fd = openSync(fresh, 'w', 0o600)
  writeSync(fd, text)
  fsyncSync(fd)
  closeSync(fd)
  renameSync(fresh, path)
}
