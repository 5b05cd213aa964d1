/**
 * Measures a whole cloud with simulated hosts, as a client meets it: `bun run bench:cloud [--json]`.
 *
 * Everything is on this machine, the load included: the program, its PostgreSQL with fsync on, and the clients share
 * the cores. Figures are medians unless they say otherwise.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Client, login } from './cloud-client.ts'

const HOSTS = 20
const BOOTS_ALONE = 40
const BOOTS_AT_ONCE = 400
const BOOT_CLIENTS = 16
/** How often a client that waits for its server looks at it. */
const POLL_MS = 10
const READS_ALONE = 300
const READ_CLIENTS = 8
const READS_AT_ONCE = 8_000
const DETAIL_SERVERS = 200
const BOOTS_BEFORE_SIZE = 1_000

interface Started {
  readonly url: string
  readonly pid: number
  readonly ready_ms: number
  stop(): Promise<void>
}

interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it must reach, `<=` or `>=`. */
  readonly target: string
}

async function start(statePath: string): Promise<Started> {
  const began = performance.now()
  const child = Bun.spawn(
    ['bun', 'src/main.ts', '--config-file', join(statePath, 'nova.conf'), '--state-path', statePath, '--listen', '127.0.0.1:0', '--log-dir', join(statePath, 'log'),
      '--compute-driver', 'fake', '--fake-hosts', String(HOSTS)],
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

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** Runs `work` `count` times, shared among `clients` loops. @returns the milliseconds for all. */
function shared(clients: number, count: number, work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0
  return timed(() =>
    Promise.all(
      Array.from({ length: clients }, async () => {
        while (next < count) await work(next++)
      }),
    ),
  )
}

async function main(json: boolean): Promise<void> {
  const statePath = mkdtempSync(join(tmpdir(), 'bunova-bench-'))
  // As root, PostgreSQL runs as another user, who must be able to reach its files.
  chmodSync(statePath, 0o711)
  writeFileSync(join(statePath, 'nova.conf'), '[quota]\ninstances = -1\ncores = -1\nram = -1\n')
  const figures: Figure[] = []
  const note = (name: string, value: number, unit: string, target: string): void => {
    figures.push({ name, value, unit, target })
    if (!json) console.log(`${name.padEnd(58)} ${format(value).padStart(9)} ${unit.padEnd(10)} ${target}`)
  }
  try {
    const first = await start(statePath)
    note('start to ready, empty state path', first.ready_ms, 'ms', '<= 3000')
    await first.stop()
    const cloud = await start(statePath)
    try {
      note('start to ready, initialised state path', cloud.ready_ms, 'ms', '<= 1000')
      await measure(cloud, await login(cloud.url, statePath), note)
    } finally {
      await cloud.stop()
    }
  } finally {
    rmSync(statePath, { recursive: true, force: true })
  }
  if (json) console.log(JSON.stringify({ machine: machine(), figures }, null, 2))
  else console.log(`\n${machine()}`)
}

async function measure(cloud: Started, client: Client, note: (...figure: [string, number, string, string]) => void): Promise<void> {
  const { image, flavor } = await client.prepare()
  const boot = (index: number, poll_ms = POLL_MS): Promise<string> => client.boot(`bench-${index}`, image, flavor, poll_ms)

  const warm = await Promise.all(Array.from({ length: 20 }, (_, index) => boot(index)))
  const alone: number[] = []
  for (let index = 0; index < BOOTS_ALONE; index++) alone.push(await timed(() => boot(index, 1)))
  note('POST to ACTIVE, one at a time', median(alone), 'ms', '<= 20')

  const all_ms = await shared(BOOT_CLIENTS, BOOTS_AT_ONCE, (index) => boot(index))
  note(`servers to ACTIVE, ${BOOT_CLIENTS} clients`, BOOTS_AT_ONCE / (all_ms / 1000), 'servers/s', '>= 150')

  const id = warm[0]!
  for (let index = 0; index < READS_ALONE; index++) await client.show(id)
  const shows: number[] = []
  for (let index = 0; index < READS_ALONE; index++) shows.push(await timed(() => client.show(id)))
  note('GET /servers/{id}, alone', median(shows), 'ms', '<= 1')
  const reads_ms = await shared(READ_CLIENTS, READS_AT_ONCE, (index) => client.show(warm[index % warm.length]!))
  note(`GET /servers/{id}, ${READ_CLIENTS} clients`, READS_AT_ONCE / (reads_ms / 1000), 'requests/s', '>= 3000')

  const details: number[] = []
  for (let index = 0; index < 30; index++) details.push(await timed(() => client.detail(DETAIL_SERVERS)))
  note(`${DETAIL_SERVERS} servers in detail`, median(details.slice(10)), 'ms', '<= 6')

  const booted = 20 + BOOTS_ALONE + BOOTS_AT_ONCE
  await shared(BOOT_CLIENTS, Math.max(0, BOOTS_BEFORE_SIZE - booted), (index) => boot(index))
  note('resident memory of the process after 1,000 boots', rssMib(cloud.pid), 'MiB', '<= 200')
  note('proportional memory of its PostgreSQL', postgresPssMib(), 'MiB', '<= 150')
}

function rssMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

/** Sums the proportional set size of every PostgreSQL process of the bench's data directory. */
function postgresPssMib(): number {
  let kib = 0
  for (const pid of new Bun.Glob('[0-9]*').scanSync({ cwd: '/proc', onlyFiles: false })) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      if (!command.includes('bunova-bench-') && !isChildOfBench(pid)) continue
      if (!/postgres/.test(command)) continue
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
    } catch {
      // The process has ended since it was listed.
    }
  }
  return kib / 1024
}

function isChildOfBench(pid: string): boolean {
  const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return parent !== undefined && parent !== '0' && readFileSync(`/proc/${parent}/cmdline`, 'utf8').includes('bunova-bench-')
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}

function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor'
  return `${cpus().length} cores (${model}), Bun ${Bun.version}, load generator included, fsync on`
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
await main(values.json)
