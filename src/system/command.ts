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

/** Runs a program to its end, or ends it after `timeout_s`. A missing program is a result as well: exit code 127. */
export async function run(command: string[], options: CommandOptions = {}): Promise<CommandResult> {
  if (!Bun.which(command[0]!)) return { exitCode: NOT_FOUND, stdout: '', stderr: `${command[0]} is not installed` }
  const child = Bun.spawn(command, {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    timeout: (options.timeout_s ?? DEFAULT_TIMEOUT_S) * 1000,
  })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { exitCode, stdout, stderr }
}

/** @returns standard output. @throws {Error} with what the program said on standard error. */
export async function runOrThrow(command: string[], options: CommandOptions = {}): Promise<string> {
  const result = await run(command, options)
  if (result.exitCode === 0) return result.stdout
  throw new Error(`${command.join(' ')}: ${result.stderr.trim() || `exit code ${result.exitCode}`}`)
}
