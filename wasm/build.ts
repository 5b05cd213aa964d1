/**
 * Compiles `wasm/assembly` to `wasm/core.wasm`, which is committed: running Bunova needs no compiler, and since the same
 * compiler always makes the same bytes, `--check` tells whether the committed file is what the source says.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'

const SOURCE = join(import.meta.dir, 'assembly/core.ts')
export const COMMITTED = join(import.meta.dir, 'core.wasm')

/** Nothing is allocated in there: the host program makes the memory and lays it out. */
const OPTIONS =
  '--enable simd --runtime stub --importMemory --zeroFilledMemory -O3 --converge --noAssert'.split(' ')

/** @throws {Error} with the compiler's messages. */
export async function compile(outFile: string): Promise<void> {
  const { error, stderr } = await asc.main([SOURCE, '--outFile', outFile, ...OPTIONS])
  if (error) throw new Error(`assemblyscript: ${stderr.toString() || error.message}`)
}

/** Whether compiling now gives the committed bytes. */
export async function isCurrent(): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), 'core-wasm-'))
  try {
    const built = join(directory, 'core.wasm')
    await compile(built)
    return readFileSync(built).equals(readFileSync(COMMITTED))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

if (import.meta.main) {
  if (!process.argv.includes('--check')) await compile(COMMITTED)
  else if (!(await isCurrent())) {
    console.error('wasm/core.wasm is not what wasm/assembly compiles to: run `bun run build:wasm`')
    process.exit(1)
  }
}
