import { namespacePath } from './namespace.ts'

/** `null` is the namespace that bridges and taps are in; others are called by their name in `/run/netns`. */
export type Where = string | null

/** Runs the three programs that make a host's network: `ip`, `nft` and `dnsmasq`. */
export interface Shell {
  /** Lines for `ip -batch`, done in order up to the first that fails. */
  ip(where: Where, lines: readonly string[]): Promise<void>
  /** What `ip -json` answers, parsed; `[]` where it has nothing to say. */
  query(where: Where, ...args: string[]): Promise<Record<string, unknown>[]>
  nft(where: Where, ruleset: string): Promise<void>
  /** @returns standard output. @throws {CommandError} */
  run(where: Where, command: readonly string[], input?: string): Promise<string>
}

export class CommandError extends Error {
  override readonly name = 'CommandError'
}

const DEADLINE_MS = 30_000
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2

/** @param base path of the namespace that `null` stands for; null is the one that this process is in. */
export function createShell(base: string | null): Shell {
  const entrance = (where: Where): string[] => {
    const path = where === null ? base : namespacePath(where)
    return path === null ? [] : ['nsenter', `--net=${path}`, '--']
  }

  async function run(where: Where, command: readonly string[], input = ''): Promise<string> {
    const child = Bun.spawn([...entrance(where), ...command], {
      stdin: Buffer.from(input),
      stdout: 'pipe',
      stderr: 'pipe',
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
      env: { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' },
    })
    const [output, complaint, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    if (status === 0) return output
    const said = complaint.trim().split('\n').slice(0, 5).join('; ')
    throw new CommandError(`${command[0]} ${command.slice(1, 4).join(' ')}: ${said || `ended with ${status}`}`)
  }

  return {
    run,
    async ip(where, lines) {
      if (lines.length > 0) await run(where, ['ip', '-batch', '-'], `${lines.join('\n')}\n`)
    },
    async query(where, ...args) {
      const text = await run(where, ['ip', '-json', ...args])
      return text.trim() === '' ? [] : (JSON.parse(text) as Record<string, unknown>[])
    },
    async nft(where, ruleset) {
      await run(where, ['nft', '-f', '-'], ruleset)
    },
  }
}
