import { clientEnvironment } from './cloud-process.ts'

/** Runs the distribution's python-openstackclient with a cloud's openrc. */
export interface OpenStack {
  /** @returns what it prints. @throws with its error text when it fails. */
  run(...args: string[]): Promise<string>
  /** The same with `-f json`, parsed. */
  json<T = Record<string, unknown>>(...args: string[]): Promise<T>
}

const COMMAND_DEADLINE_MS = 90_000

export function openstack(statePath: string): OpenStack {
  async function spawn(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
    const { PATH = '', HOME = '/root' } = process.env
    const child = Bun.spawn(['openstack', ...args], {
      env: { PATH, HOME, ...clientEnvironment(statePath) },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      timeout: COMMAND_DEADLINE_MS,
    })
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    return { code: await child.exited, out, err }
  }
  async function run(...args: string[]): Promise<string> {
    const { code, out, err } = await spawn(args)
    if (code !== 0) throw new Error(`openstack ${args.join(' ')} ended with ${code}:\n${err}${out}`)
    return out
  }
  return {
    run,
    json: async <T>(...args: string[]) => JSON.parse(await run(...args, '-f', 'json')) as T,
  }
}
