import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aptLine, installPackages, installProblem, missingPackages } from '../src/system/index.ts'
import { LEFT_OUT_FILE, REQUIREMENTS } from './support/requirements.ts'
import { readSummary, verdict } from './support/summary.ts'

/**
 * `bun run test [PATH…] [OPTION…]`: installs what the tests need where it may, runs them with `bun test`, names what
 * was left out and why, and ends with one line: `N passed, M failed`.
 */
const FOLDERS = ['./src', './agent', './wasm', './test']
/** For one test or hook, real hypervisors on a busy machine included. */
const TEST_TIMEOUT_MS = 60_000
const PROCESSES = 2
/** Of a long run only the end is kept: the summary is there. */
const KEPT_CHARACTERS = 64 * 1024

const args = Bun.argv.slice(2)
const strict = process.env.CI === 'true'

await provide()
const directory = mkdtempSync(join(tmpdir(), 'bunova-test-'))
const leftOutFile = join(directory, 'left-out')
await Bun.write(leftOutFile, '')
try {
  const { exitCode, output } = await bunTest(leftOutFile)
  const result = verdict(readSummary(output), { exitCode, strict })
  for (const line of leftOut()) console.log(line)
  console.log(`${result.passed} passed, ${result.failed} failed`)
  process.exitCode = result.failed === 0 ? 0 : exitCode || 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function provide(): Promise<void> {
  const packages = missingPackages(Object.values(REQUIREMENTS).flatMap((requirement) => requirement.needs))
  if (packages.length === 0) return
  const problem = installProblem()
  if (problem !== null) {
    console.log(`Some tests need packages that are missing (${problem}). To run them too:`)
    return console.log(`  ${aptLine(packages)}`)
  }
  console.log(`Installing what the tests need, without starting any service: ${packages.join(' ')}`)
  await installPackages(packages).catch((error: Error) => console.log(`That failed: ${error.message}`))
}

/** Runs `bun test` with its output shown as it comes. */
async function bunTest(leftOutFile: string): Promise<{ exitCode: number; output: string }> {
  const paths = args.some((arg) => !arg.startsWith('-')) ? args : [...FOLDERS, ...args]
  const options = [`--timeout=${TEST_TIMEOUT_MS}`, `--parallel=${PROCESSES}`]
  const child = Bun.spawn([process.execPath, 'test', ...options, ...paths], {
    cwd: join(import.meta.dir, '..'),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, [LEFT_OUT_FILE]: leftOutFile },
  })
  const [, output, exitCode] = await Promise.all([show(child.stdout), show(child.stderr), child.exited])
  return { exitCode, output }
}

async function show(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let kept = ''
  for await (const chunk of stream) {
    process.stdout.write(chunk)
    kept = (kept + decoder.decode(chunk, { stream: true })).slice(-KEPT_CHARACTERS)
  }
  return kept
}

function leftOut(): string[] {
  const lines = new Set(readFileSync(leftOutFile, 'utf8').split('\n').filter(Boolean))
  return [...lines].map((line) => {
    const { requirement, reason } = JSON.parse(line) as { requirement: string; reason: string }
    return `left out: tests that need ${requirement} (${reason})`
  })
}
