import { spawn } from 'node:child_process'

/**
 * Has a shell run `script` once this process has ended, however it ended: a test that was killed leaves nothing
 * running either. `args` are its `$1`, `$2`, ….
 */
export function afterUs(script: string, ...args: string[]): void {
  const wait = `while kill -0 ${process.pid} 2>/dev/null; do sleep 0.2; done`
  // In the background of a shell that ends at once: the test runner kills the children of a test that takes too long.
  const background = `(${wait}\n${script}) &`
  spawn('/bin/sh', ['-c', background, 'after-test', ...args], { detached: true, stdio: 'ignore' }).unref()
}
