import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'

/** What benchmarks of a whole cloud have in common: a cloud on a new state path, figures with targets, the load. */

export interface Started {
  readonly url: string
  readonly pid: number
  readonly ready_ms: number
  stop(): Promise<void>
}

/** A figure's name, its value, its unit, and what it must reach, `<= 20` or `>= 150`; a figure without says how. */
export type Note = (name: string, value: number, unit: string, target?: string) => void

/**
 * Runs `measure` on a new state path, prints each figure as it comes, or all as JSON at the end.
 * @param config text of nova.conf
 */
export async function bench(
  json: boolean,
  config: string,
  measure: (statePath: string, note: Note) => Promise<void>,
): Promise<void> {
  const statePath = mkdtempSync(join(tmpdir(), 'bunova-bench-'))
  // As root, PostgreSQL runs as another user, who must be able to reach its files.
  chmodSync(statePath, 0o711)
  writeFileSync(join(statePath, 'nova.conf'), config)
  const figures: { name: string; value: number; unit: string; target: string }[] = []
  const load = loadavg()[0]!
  try {
    await measure(statePath, (name, value, unit, target = '') => {
      figures.push({ name, value, unit, target })
      if (!json) console.log(`${name.padEnd(62)} ${format(value).padStart(9)} ${unit.padEnd(10)} ${target}`)
    })
  } finally {
    rmSync(statePath, { recursive: true, force: true })
  }
  if (json) console.log(JSON.stringify({ machine: machine(), load_before: load, figures }, null, 2))
  else console.log(`\n${machine()}, load average before ${load.toFixed(1)}`)
}

export async function start(statePath: string, hosts: number): Promise<Started> {
  const began = performance.now()
  const child = Bun.spawn(
    ['bun', 'src/main.ts', '--config-file', join(statePath, 'nova.conf'), '--state-path', statePath, '--listen', '127.0.0.1:0', '--log-dir', join(statePath, 'log'),
      '--compute-driver', 'fake', '--fake-hosts', String(hosts)],
    { cwd: join(import.meta.dir, '../..'), stdout: 'pipe', stderr: 'inherit' },
  )
  let text = ''
  for await (const chunk of child.stdout) {
    text += Buffer.from(chunk).toString()
    const url = /^ready (http:\S+)/m.exec(text)?.[1]
    if (!url) continue
    return {
      url,
      pid: child.pid,
      ready_ms: performance.now() - began,
      async stop() {
        child.kill('SIGTERM')
        await child.exited
      },
    }
  }
  throw new Error(`the cloud did not start:\n${text}`)
}

export const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN
export const median = (values: readonly number[]): number => quantile(values, 0.5)

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** The milliseconds of each of `count` runs, after `warmUp` that do not count. */
export async function times(count: number, warmUp: number, work: (index: number) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = []
  for (let index = 0; index < warmUp + count; index++) taken.push(await timed(() => work(index)))
  return taken.slice(warmUp)
}

/** Runs `work` `count` times, shared among `clients` loops. @returns how many a second. */
export async function rate(clients: number, count: number, work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const all_ms = await timed(() =>
    Promise.all(
      Array.from({ length: clients }, async () => {
        while (next < count) await work(next++)
      }),
    ),
  )
  return count / (all_ms / 1000)
}

/** In MiB. */
export function residentSize(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

/** The processes of the PostgreSQL whose data is below `statePath`, the first of them its parent. */
function postgresOf(statePath: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const read = (pid: string, file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    } catch {
      // It has ended since it was listed.
      return ''
    }
  }
  const parent = pids.find((pid) => {
    const command = read(pid, 'cmdline')
    return command.includes('postgres') && command.includes(join(statePath, 'postgres/data'))
  })
  if (parent === undefined) return []
  return [parent, ...pids.filter((pid) => /^PPid:\s+(\d+)/m.exec(read(pid, 'status'))?.[1] === parent)]
}

/** Proportional set size of all its processes in MiB. */
export function postgresSize(statePath: string): number {
  const kib = postgresOf(statePath).map((pid) =>
    Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0),
  )
  return kib.reduce((sum, each) => sum + each, 0) / 1024
}

const TICKS_PER_S = 100

/** Seconds that a process has computed, in user and in system mode. */
function computed(pid: string | number, withEnded: boolean): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number)
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15) as [number, number, number, number]
  return (user + system + (withEnded ? endedUser + endedSystem : 0)) / TICKS_PER_S
}

/** Seconds that the program and its PostgreSQL have computed: what a busy neighbour changes less than the time taken. */
export function computedBy(pid: number, statePath: string): { program: number; postgres: number } {
  const postgres = postgresOf(statePath).map((each, index) => computed(each, index === 0))
  return { program: computed(pid, false), postgres: postgres.reduce((sum, each) => sum + each, 0) }
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}

function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor'
  return `${cpus().length} cores (${model}), Bun ${Bun.version}, load generator included, fsync on`
}
