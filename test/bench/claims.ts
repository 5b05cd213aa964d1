/**
 * Measures a decision with its durable claim: the scheduler's plan, then the conductor's transaction that places the
 * server (its row, the claim on the host, the first entry of its log, the task that builds it), committed to disk. Real
 * scheduler, real placement, real PostgreSQL with fsync on; nothing is built.
 *
 *     bun run bench:claims [--json] [--servers N] [--hosts N] [--at-once N,N…]
 */
import { chmodSync, closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createCells, hostSource, reportInventory, reportServices } from '../../src/cells/index.ts'
import { placeOnHost } from '../../src/conductor/tasks/place.ts'
import { planRequestFor, seedOf } from '../../src/conductor/index.ts'
import type { TaskPorts } from '../../src/conductor/tasks/ports.ts'
import { HOSTS_CHANGED } from '../../src/contracts/index.ts'
import { createMemoryBus } from '../../src/platform/bus/index.ts'
import { openDatabases, startEmbeddedPostgres } from '../../src/platform/db/index.ts'
import { acceptedServer } from '../support/cell.ts'
import { quietLog } from '../support/quiet-log.ts'
import { startScheduler } from '../support/scheduler.ts'

const WARM_UP = 1_000

interface Row {
  readonly at_once: number
  readonly per_s: number
  readonly p50_ms: number
  readonly p99_ms: number
  /** Commits of PostgreSQL that waited for the disk, for each claim: below 1 where several shared a wait. */
  readonly syncs_per_claim: number
  /** Time of processors for each claim, which other work on the machine changes little: this program's, PostgreSQL's. */
  readonly program_cpu_ms: number
  readonly database_cpu_ms: number
}

async function main(values: { hosts: number; servers: number; atOnce: number[]; json: boolean }): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bunova-claims-'))
  // As root, PostgreSQL runs as another user, who must be able to reach its files.
  chmodSync(directory, 0o711)
  const postgres = await startEmbeddedPostgres({ directory: join(directory, 'postgres'), log: quietLog })
  const databases = await openDatabases({
    global: postgres.connection,
    cells: [{ id: 'cell1', connection: postgres.connection, schema: 'cell1' }],
    log: quietLog,
  })
  const bus = createMemoryBus({ log: quietLog })
  const cells = createCells(databases, quietLog)
  const cell = cells.get('cell1')
  try {
    await addHosts(cell, values.hosts)
    const scheduler = await startScheduler(bus, [hostSource(databases.global, cell, 'nova')])
    const ports = {
      cells,
      ring: () => {},
      hostsChanged: (cell_id: string, host_ids: readonly number[], tried: readonly string[] = []) =>
        void bus.broadcast(HOSTS_CHANGED, { cell_id, host_ids: [...host_ids], tried: [...tried] }),
    } as unknown as TaskPorts

    const placeOne = async (): Promise<void> => {
      const server = acceptedServer()
      const { id, project_id, flavor } = server
      const wanted = { server_id: id, project_id, flavor, image_id: null, image_properties: {}, availability_zone: null, force_host: null, force_node: null, group_id: null }
      const plan = scheduler.plan(await planRequestFor(wanted, { cells, default_schedule_zone: null, count: 3, seed: seedOf(id) }))
      const context = { request_id: 'req-bench', input: { project_name: 'p', user_name: 'u' } }
      for (let index = 0; index < plan.candidates.length; index++) {
        if ((await placeOnHost(ports, context as never, server, plan, index)) === null) return
      }
      throw new Error('no host took the server')
    }
    const syncs = async () => {
      const [row] = await cell.sql<{ syncs: number }[]>`select sum(fsyncs)::float8 as syncs from pg_stat_io where object = 'wal'`
      return row?.syncs ?? Number.NaN
    }

    await atOnce(4, WARM_UP, placeOne)
    const rows: Row[] = []
    for (const clients of values.atOnce) {
      const [before, began] = [await syncs(), performance.now()]
      const [program, database] = [process.cpuUsage(), cpuOfChildren(postgres.pid)]
      const times = await atOnce(clients, values.servers, placeOne)
      const seconds = (performance.now() - began) / 1000
      const { user, system } = process.cpuUsage(program)
      rows.push({
        at_once: clients,
        per_s: Math.round(values.servers / seconds),
        p50_ms: rounded(percentile(times, 50)),
        p99_ms: rounded(percentile(times, 99)),
        syncs_per_claim: rounded(((await syncs()) - before) / values.servers),
        program_cpu_ms: rounded((user + system) / 1000 / values.servers),
        database_cpu_ms: rounded((cpuOfChildren(postgres.pid) - database) / values.servers),
      })
    }
    await scheduler.stop()
    const sync_ms = syncTime(directory)
    const machine = `${cpus().length} cores (${cpus()[0]?.model}), Bun ${Bun.version}, ${values.hosts} hosts, fsync on`
    if (values.json) console.log(JSON.stringify({ machine, sync_ms, rows }, null, 2))
    else {
      console.table(rows)
      console.log(`one write that waits for the disk: ${sync_ms} ms in the middle\n${machine}`)
    }
  } finally {
    await bus.close()
    await databases.close()
    await postgres.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function addHosts(cell: ReturnType<ReturnType<typeof createCells>['get']>, count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    const host = `host-${number}`
    await reportServices(cell, 'nova-compute', [host], new Date())
    await reportInventory(cell, host, {
      hypervisor_hostname: host,
      node_id: crypto.randomUUID(),
      host_ip: '192.0.2.1',
      hypervisor_type: 'QEMU',
      hypervisor_version: 7_002_000,
      vcpus: 1_000_000,
      memory_mb: 1_000_000_000,
      local_gb: 1_000_000,
      reserved_vcpus: 0,
      reserved_memory_mb: 0,
      reserved_disk_gb: 0,
      cpu_allocation_ratio: 1,
      ram_allocation_ratio: 1,
      disk_allocation_ratio: 1,
      cpu_info: { arch: 'x86_64' },
      supported_instances: [['x86_64', 'kvm', 'hvm']],
    })
  }
}

/** @returns milliseconds of each run of `work`. */
async function atOnce(clients: number, count: number, work: () => Promise<void>): Promise<number[]> {
  const times: number[] = []
  let left = count
  const loop = async (): Promise<void> => {
    while (left-- > 0) {
      const began = performance.now()
      await work()
      times.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: clients }, loop))
  return times
}

/** What this disk takes to have 8 KiB for good, PostgreSQL's page. */
function syncTime(directory: string): number {
  const file = openSync(join(directory, 'sync'), 'w')
  const page = new Uint8Array(8_192)
  const times: number[] = []
  for (let index = 0; index < 300; index++) {
    const began = performance.now()
    writeSync(file, page)
    fdatasyncSync(file)
    times.push(performance.now() - began)
  }
  closeSync(file)
  return rounded(percentile(times, 50))
}

/** Milliseconds that the server processes of a postmaster have worked, those that live. */
function cpuOfChildren(pid: number): number {
  let ticks = 0
  for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)) {
    const fields = readFileSync(`/proc/${child}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks * 10
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN
}

const rounded = (value: number): number => Math.round(value * 100) / 100

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    servers: { type: 'string', default: '4000' },
    hosts: { type: 'string', default: '200' },
    'at-once': { type: 'string', default: '1,4,8,16' },
  },
})
await main({
  json: values.json,
  servers: Number(values.servers),
  hosts: Number(values.hosts),
  atOnce: values['at-once'].split(',').map(Number),
})
