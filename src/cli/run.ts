/** A mistake on the command line, told with the usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * Runs a command: prints what it returns; errors go to standard error in a line.
 * @returns the exit code: 0, 1 for what failed, 2 for a command line that cannot be read
 */
export async function run(usage: string, args: readonly string[], command: (args: string[]) => Promise<string>): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(usage)
    return 0
  }
  try {
    console.log(await command([...args]))
    return 0
  } catch (error) {
    const { message } = error as Error
    const misused = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')
    console.error(misused ? `error: ${message}\n\n${usage}` : `error: ${message}`)
    return misused ? 2 : 1
  }
}
