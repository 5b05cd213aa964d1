import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { LEFT_OUT_FILE } from './requirements.ts'

const directory = mkdtempSync(join(tmpdir(), 'requirements-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** Asks for Redis in a process that finds no program but Bun. */
function ask(ci: string, leftOutFile: string): { exitCode: number; said: string } {
  const code = `console.log((await import(${JSON.stringify(join(import.meta.dir, 'requirements.ts'))})).has('redis'))`
  const env = { PATH: dirname(process.execPath), CI: ci, [LEFT_OUT_FILE]: leftOutFile }
  const child = Bun.spawnSync([process.execPath, '-e', code], { env })
  return { exitCode: child.exitCode, said: child.stdout.toString().trim() + child.stderr.toString() }
}

test('what is missing is left out, and told to the runner with its reason', async () => {
  const file = join(directory, 'left-out')
  expect(ask('', file)).toEqual({ exitCode: 0, said: 'false' })
  expect(await Bun.file(file).json()).toEqual({ requirement: 'redis', reason: 'not installed: redis-server' })
})

test('with CI=true nothing may be missing', async () => {
  const file = join(directory, 'nothing')
  const answer = ask('true', file)
  expect(answer.exitCode).not.toBe(0)
  expect(answer.said).toContain('redis: not installed: redis-server')
  expect(await Bun.file(file).exists()).toBe(false)
})
