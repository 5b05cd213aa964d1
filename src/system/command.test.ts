import { expect, test } from 'bun:test'
import { findProgram, run, runOrThrow } from './command.ts'

test('a program is run to its end, with both outputs and its exit code', async () => {
  const result = await run(['sh', '-c', 'echo out; echo err >&2; exit 3'])
  expect(result).toEqual({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' })
})

test('a failure is thrown with what the program said', async () => {
  await expect(runOrThrow(['sh', '-c', 'echo no such thing >&2; exit 1'])).rejects.toThrow('no such thing')
})

test('a program that is not installed is a result that says so', async () => {
  expect(await run(['no-such-program'])).toMatchObject({ exitCode: 127, stderr: 'no-such-program is not installed' })
})

test('a program that does not end is ended at its deadline', async () => {
  const result = await run(['sleep', '60'], { timeout_s: 0.05 })
  expect(result.exitCode).not.toBe(0)
  expect(result.stderr).toContain('it was ended after 0.05 s')
})

test('programs for administrators are found although a user has them not in PATH', () => {
  const path = process.env.PATH
  process.env.PATH = '/usr/bin:/bin'
  try {
    expect(findProgram('ldconfig')).toBe('/usr/sbin/ldconfig')
  } finally {
    process.env.PATH = path
  }
})
