import { mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = join(import.meta.dir, '..')

/** Bun's names of the machines that the agent runs on; `-baseline` is for processors without AVX2. */
const TARGETS = ['bun-linux-x64', 'bun-linux-x64-baseline', 'bun-linux-arm64'] as const
type Target = (typeof TARGETS)[number]

const HERE: Target = process.arch === 'arm64' ? 'bun-linux-arm64' : 'bun-linux-x64'

/**
 * Compiles the agent into one file that needs nothing but the C library.
 * @throws {Error} with the compiler's words.
 */
export async function buildAgent(outfile: string, target: Target = HERE): Promise<void> {
  mkdirSync(dirname(outfile), { recursive: true })
  const flags = [
    '--compile',
    // Not minified: it would save half a percent, and cost the names in stack traces.
    '--sourcemap',
    // What lies about in the directory that the agent is started in is none of its business.
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    ...(target === HERE ? [] : [`--target=${target}`]),
    `--outfile=${outfile}`,
  ]
  const bun = Bun.spawn([process.execPath, 'build', ...flags, join(import.meta.dir, 'main.ts')], {
    cwd: ROOT,
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [code, words] = await Promise.all([bun.exited, new Response(bun.stderr).text()])
  if (code !== 0) throw new Error(`bun build failed:\n${words}`)
  // The binary has it inside.
  rmSync(`${outfile}.map`, { force: true })
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { target: { type: 'string' } } })
  const target = TARGETS.find((known) => known === (values.target ?? HERE))
  if (!target) throw new Error(`--target ${values.target}: expected one of ${TARGETS.join(', ')}`)
  const outfile = join(ROOT, 'build', target.replace('bun-linux', 'bunova-agent'))
  await buildAgent(outfile, target)
  console.log(`${outfile} (${Math.round(statSync(outfile).size / 1e6)} MB)`)
}

if (import.meta.main) {
  main().catch((error: Error) => {
    console.error(error.message)
    process.exit(1)
  })
}
