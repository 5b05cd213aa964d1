import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lock, LockHeld } from './index.ts'

const directory = mkdtempSync(join(tmpdir(), 'bunova-lock-'))
const file = join(directory, 'lock')
afterEach(() => rmSync(file, { force: true }))

const HOLD = `
  const { lock } = await import(${JSON.stringify(join(import.meta.dir, 'index.ts'))})
  lock(${JSON.stringify(file)})
  console.log('held')
  await Bun.sleep(60_000)`

async function holder() {
  const child = Bun.spawn(['bun', '-e', HOLD], { stdout: 'pipe' })
  await child.stdout.getReader().read()
  return child
}

test('names the process that holds the lock', async () => {
  const child = await holder()
  try {
    expect(() => lock(file)).toThrow(new LockHeld(file, child.pid))
  } finally {
    child.kill('SIGKILL')
  }
})

test('goes with its process, even one that is killed', async () => {
  const child = await holder()
  child.kill('SIGKILL')
  await child.exited
  lock(file).release()
})

test('is free after its release', () => {
  lock(file).release()
  lock(file).release()
})
