/**
 * Measures a whole cloud with simulated hosts, as a client meets it: `bun run bench:cloud [--json]`.
 *
 * Everything is on this machine, the load included: the program, its PostgreSQL with fsync on, and the clients share
 * the cores. Figures are medians unless they say otherwise.
 */
import { parseArgs } from 'node:util'
import { type Client, login } from './cloud-client.ts'
import { bench, computedBy, median, type Note, postgresSize, rate, residentSize, start, type Started, times } from './harness.ts'

const HOSTS = 20
const BOOTS_WARM = 20
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

async function measure(statePath: string, note: Note): Promise<void> {
  const first = await start(statePath, HOSTS)
  note('start to ready, empty state path', first.ready_ms, 'ms', '<= 3000')
  await first.stop()
  const cloud = await start(statePath, HOSTS)
  try {
    note('start to ready, initialised state path', cloud.ready_ms, 'ms', '<= 1000')
    await measureCloud(statePath, cloud, await login(cloud.url, statePath), note)
  } finally {
    await cloud.stop()
  }
}

async function measureCloud(statePath: string, cloud: Started, client: Client, note: Note): Promise<void> {
  const { image, flavor } = await client.prepare()
  const boot = (index: number, poll_ms = POLL_MS): Promise<string> => client.boot(`bench-${index}`, image, flavor, poll_ms)

  const warm = await Promise.all(Array.from({ length: BOOTS_WARM }, (_, index) => boot(index)))
  note('POST to ACTIVE, one at a time', median(await times(BOOTS_ALONE, 0, (index) => boot(index, 1))), 'ms', '<= 20')

  const before = computedBy(cloud.pid, statePath)
  note(`servers to ACTIVE, ${BOOT_CLIENTS} clients`, await rate(BOOT_CLIENTS, BOOTS_AT_ONCE, (index) => boot(index)), 'servers/s', '>= 150')
  const after = computedBy(cloud.pid, statePath)
  for (const part of ['program', 'postgres'] as const) {
    note(`processor time of each of these: ${part}`, ((after[part] - before[part]) / BOOTS_AT_ONCE) * 1000, 'ms')
  }

  const id = warm[0]!
  note('GET /servers/{id}, alone', median(await times(READS_ALONE, READS_ALONE, () => client.show(id))), 'ms', '<= 1')
  const reads = await rate(READ_CLIENTS, READS_AT_ONCE, (index) => client.show(warm[index % warm.length]!))
  note(`GET /servers/{id}, ${READ_CLIENTS} clients`, reads, 'requests/s', '>= 3000')
  note(`${DETAIL_SERVERS} servers in detail`, median(await times(20, 10, () => client.detail(DETAIL_SERVERS))), 'ms', '<= 6')

  const booted = BOOTS_WARM + BOOTS_ALONE + BOOTS_AT_ONCE
  await rate(BOOT_CLIENTS, Math.max(0, BOOTS_BEFORE_SIZE - booted), (index) => boot(index))
  note('resident memory of the program after 1,000 boots', residentSize(cloud.pid), 'MiB', '<= 200')
  note('proportional memory of its PostgreSQL', postgresSize(statePath), 'MiB', '<= 150')
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
await bench(values.json, '[quota]\ninstances = -1\ncores = -1\nram = -1\n', measure)
