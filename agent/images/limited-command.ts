/**
 * Runs a program on bytes that a tenant chose. They decide how much it computes and keeps in memory, so it runs under
 * limits, at low priority, without the agent's environment, and ends with the verb it belongs to.
 */
export interface Limits {
  readonly address_space_bytes: number
  readonly cpu_s: number
  readonly deadline_ms: number
}

const NORMAL: Limits = { address_space_bytes: 1024 ** 3, cpu_s: 600, deadline_ms: 900_000 }
const MAX_OUTPUT_BYTES = 64 * 1024

export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/**
 * @param onOutput is given standard output as it comes, and then none of it is returned.
 * @returns what the program wrote on standard output.
 * @throws {CommandError} with what it complained of; the signal's reason when that aborts.
 */
export async function runLimited(
  command: readonly string[],
  signal: AbortSignal,
  options: { limits?: Partial<Limits>; onOutput?: (text: string) => void } = {},
): Promise<string> {
  const limits = { ...NORMAL, ...options.limits }
  signal.throwIfAborted()
  const child = start(['prlimit', `--as=${limits.address_space_bytes}`, `--cpu=${limits.cpu_s}`, '--', ...command], limits, signal)
  const [output, complaint, status] = await Promise.all([
    collect(child.stdout, options.onOutput),
    collect(child.stderr),
    child.exited,
  ])
  signal.throwIfAborted()
  if (status === 0) return output
  const how = child.signalCode ? `was ended by ${child.signalCode}` : `ended with ${status}`
  throw new CommandError(`${command.slice(0, 2).join(' ')} ${how}: ${complaint.trim()}`)
}

function start(command: string[], { deadline_ms }: Limits, signal: AbortSignal) {
  try {
    return Bun.spawn(command, {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      signal,
      timeout: deadline_ms,
      killSignal: 'SIGKILL',
      // Each arena of glibc's sets address space aside, on a large host more than the limit allows.
      env: { PATH: `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`, LC_ALL: 'C', MALLOC_ARENA_MAX: '1' },
    })
  } catch (error) {
    throw new CommandError(`${command[4] ?? command[0]} cannot be started`, { cause: error })
  }
}

/** All of it is read, so that the program never waits; the end of it is kept. */
async function collect(stream: ReadableStream<Uint8Array>, onOutput?: (text: string) => void): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stream) {
    const more = decoder.decode(chunk, { stream: true })
    if (onOutput) onOutput(more)
    else text = (text + more).slice(-MAX_OUTPUT_BYTES)
  }
  return text
}
