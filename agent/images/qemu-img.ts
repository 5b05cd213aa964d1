/**
 * The only place that runs `qemu-img`. Formats are always named, on both sides, so it never guesses one from bytes that
 * a tenant chose; and it runs under limits, since those bytes decide how much it computes and keeps in memory.
 */
const ADDRESS_SPACE_BYTES = 1024 ** 3
const CPU_S = 600
const DEADLINE_MS = 900_000
const MAX_OUTPUT_BYTES = 64 * 1024

export class QemuImgError extends Error {
  override readonly name = 'QemuImgError'
}

/** Converts a qcow2 file without a backing file into a sparse raw one. @throws {QemuImgError} with what it said. */
export async function convertToRaw(source: string, target: string, signal: AbortSignal): Promise<void> {
  await run(['convert', '-f', 'qcow2', '-O', 'raw', source, target], signal)
}

/** The version of the tool that is installed. @throws {QemuImgError} when none is. */
export async function qemuImgVersion(): Promise<string> {
  return (await run(['--version'], new AbortController().signal)).split('\n')[0] ?? ''
}

async function run(args: readonly string[], signal: AbortSignal): Promise<string> {
  const limits = [`--as=${ADDRESS_SPACE_BYTES}`, `--cpu=${CPU_S}`]
  const process = start(['prlimit', ...limits, '--', 'qemu-img', ...args], signal)
  const [output, complaint, status] = await Promise.all([
    new Response(process.stdout).text(),
    new Response(process.stderr).text(),
    process.exited,
  ])
  signal.throwIfAborted()
  if (status === 0) return output
  const how = process.signalCode ? `was ended by ${process.signalCode}` : `ended with ${status}`
  throw new QemuImgError(`qemu-img ${args[0]} ${how}: ${complaint.trim()}`)
}

function start(command: string[], signal: AbortSignal) {
  try {
    return Bun.spawn(command, {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      signal,
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
      // Each arena of glibc's sets address space aside, on a large host more than the limit allows.
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', MALLOC_ARENA_MAX: '1' },
    })
  } catch (error) {
    throw new QemuImgError('qemu-img cannot be started', { cause: error })
  }
}
