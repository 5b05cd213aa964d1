import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeHostNetwork } from './host-networks.ts'

/** A cloud in a process of its own, started as an operator starts it. */
export interface CloudProcess {
  readonly statePath: string
  readonly url: string
  readonly pid: number
  /** All that it printed. */
  output(): string
  /** Stops it by SIGTERM. @returns its exit code. */
  stop(): Promise<number>
  /** `kill -9`; its PostgreSQL lives on, as it would. */
  kill(): Promise<void>
  /** Starts it again on the same state path. */
  restart(): Promise<CloudProcess>
  /** Stops it if it runs, and removes the state path. */
  remove(): Promise<void>
}

export interface CloudProcessOptions {
  readonly args?: readonly string[]
  /** Text of a nova.conf. */
  readonly config?: string
  readonly statePath?: string
  /** Waits for the line that begins with this; default `ready `. */
  readonly until?: string
}

const START_DEADLINE_MS = 60_000
const ROOT = join(import.meta.dir, '../..')

export async function startCloudProcess(options: CloudProcessOptions = {}): Promise<CloudProcess> {
  const statePath = options.statePath ?? newStatePath()
  const config = join(statePath, 'nova.conf')
  writeFileSync(config, options.config ?? '')
  const child = Bun.spawn(
    ['bun', 'src/main.ts', ...(options.args ?? []), '--config-file', config, '--state-path', statePath,
      '--log-dir', join(statePath, 'log'), '--listen', '127.0.0.1:0'],
    { cwd: ROOT, stdout: 'pipe', stderr: 'pipe' },
  )
  let printed = ''
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const chunk of stream) printed += Buffer.from(chunk).toString()
  }
  void read(child.stdout)
  void read(child.stderr)
  const ready = /^ready (\S+)/m
  for (const deadline = Date.now() + START_DEADLINE_MS; !ready.test(printed); await Bun.sleep(10)) {
    if (child.exitCode === null && Date.now() < deadline) continue
    child.kill('SIGKILL')
    throw new Error(`the cloud did not start:\n${printed}`)
  }
  const url = ready.exec(printed)![1]!

  const stop = async (): Promise<number> => {
    child.kill('SIGTERM')
    return child.exited
  }
  return {
    statePath,
    url,
    pid: child.pid,
    output: () => printed,
    stop,
    async kill() {
      child.kill('SIGKILL')
      await child.exited
    },
    restart: () => startCloudProcess({ ...options, statePath }),
    async remove() {
      if (child.exitCode === null && child.signalCode === null) await stop()
      await removeHostNetwork(/^host = (\S+)$/m.exec(options.config ?? '')?.[1] ?? hostname(), statePath)
      rmSync(statePath, { recursive: true, force: true })
    },
  }
}

function newStatePath(): string {
  const path = mkdtempSync(join(tmpdir(), 'bunova-cloud-'))
  // As root, PostgreSQL runs as another user, who must be able to reach its files.
  chmodSync(path, 0o711)
  return path
}

/** What `openrc` exports. */
export function clientEnvironment(statePath: string): Record<string, string> {
  const text = readFileSync(join(statePath, 'openrc'), 'utf8')
  return Object.fromEntries([...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name!, value!]))
}
