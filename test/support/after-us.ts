import { spawn } from 'node:child_process'

/**
 * Has a shell run `script` once this process has ended, however it ended: a test that was killed leaves nothing
 * running either. `args` are its `$1`, `$2`, ….
 */
export function afterUs(script: string, ...args: string[]): void {
  const wait = `while kill -0 ${process.pid} 2>/dev/null; do sleep 0.2; done`
  spawn('/bin/sh', ['-c', `${wait}\n${script}`, 'after-test', ...args], { detached: true, stdio: 'ignore' }).unref()
}
