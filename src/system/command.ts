export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly timeout_s?: number
  readonly env?: Record<string, string>
}

const DEFAULT_TIMEOUT_S = 60
/** What a shell answers for a program that it does not find. */
const NOT_FOUND = 127

/** The path of a program, also of one for administrators that a user's `PATH` leaves out, or null. */
export function findProgram(name: string): string | null {
  return Bun.which(name, { PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` })
}

/** Runs a program to its end, or ends it after `timeout_s`. A missing program is a result as well: exit code 127. */
export async function run(command: string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [name, ...args] = command as [string, ...string[]]
  const program = findProgram(name)
  if (program === null) return { exitCode: NOT_FOUND, stdout: '', stderr: `${name} is not installed` }
  const timeout_s = options.timeout_s ?? DEFAULT_TIMEOUT_S
  const child = Bun.spawn([program, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    timeout: timeout_s * 1000,
  })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  const ended = child.signalCode !== null ? `it was ended after ${timeout_s} s\n` : ''
  return { exitCode, stdout, stderr: stderr + ended }
}

/** @returns standard output. @throws {Error} with what the program said on standard error. */
export async function runOrThrow(command: string[], options: CommandOptions = {}): Promise<string> {
  const result = await run(command, options)
  if (result.exitCode === 0) return result.stdout
  throw new Error(`${command.join(' ')}: ${result.stderr.trim() || `exit code ${result.exitCode}`}`)
}
