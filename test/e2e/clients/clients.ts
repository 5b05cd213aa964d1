import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a command did. */
export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The distribution's python-openstackclient and python-novaclient, loaded once and run command by command. */
export interface Clients {
  /** Runs one command line to its end. */
  run(command: string): Promise<Outcome>
  /** Ends the process. */
  stop(): Promise<void>
}

export function startClients(environment: Record<string, string>): Clients {
  const child = Bun.spawn(['/usr/bin/python3', join(import.meta.dir, 'driver.py')], {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/root', ...environment },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const lines = linesOf(child.stdout)
  return {
    async run(command) {
      child.stdin.write(`${JSON.stringify({ command })}\n`)
      await child.stdin.flush()
      const { value, done } = await lines.next()
      if (done) throw new Error(`the clients' process ended with ${await child.exited}`)
      return JSON.parse(value) as Outcome
    },
    async stop() {
      await child.stdin.end()
      await child.exited
    },
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
}

/** One line of a list of commands. */
export interface Step {
  readonly command: string
  /** Null where it is to succeed, else what it says when it fails. */
  readonly fails: string | null
}

/** The steps of a list beside this file, with `places` filled in. */
export function stepsOf(name: string, places: Readonly<Record<string, string>>): Step[] {
  const text = readFileSync(join(import.meta.dir, name), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Object.entries(places).reduce((filled, [key, value]) => filled.replaceAll(`{${key}}`, value), line))
    .map((line) => {
      const [command = '', fails = null] = line.split(' !! ')
      return { command, fails }
    })
}

/** What is wrong with the outcome of a step; null when it is what it should be. */
export function complaint({ command, fails }: Step, { code, out, err }: Outcome): string | null {
  const said = `${err}${out}`
  if (fails === null) return code === 0 ? null : `${command}: ended with ${code}: ${said.trim()}`
  if (code === 0) return `${command}: did not fail`
  return said.includes(fails) ? null : `${command}: failed, but without saying "${fails}": ${said.trim()}`
}
