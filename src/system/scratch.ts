import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Makes a directory `PARENT/PREFIX-PID-XXXXXX` for this process alone. Those of processes that were killed before they
 * could remove theirs are removed on the way.
 */
export async function makeScratchDirectory(parent: string, prefix: string): Promise<string> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(`${prefix}-`) ? /^(\d+)-\w{6}$/.exec(name.slice(prefix.length + 1))?.[1] : undefined
    if (pid && !isAlive(Number(pid))) await rm(join(parent, name), { recursive: true, force: true }).catch(() => {})
  }
  return mkdtemp(join(parent, `${prefix}-${process.pid}-`))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
