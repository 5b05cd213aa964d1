import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FakeHosts, startFakeHosts } from '../../agent/index.ts'
import type { FakeFault } from '../../agent/drivers/fake/index.ts'
import { testImage } from '../../agent/test-instance.ts'
import { accept, type Cells, createCells, hostSource, type Server, withdraw } from '../../src/cells/index.ts'
import { type Conductor, createConductor, createHostCalls, insertTask, insertTasks, type Probe, ringTask } from '../../src/conductor/index.ts'
import type { Flavor, ImageTarget, SchedulerHints } from '../../src/contracts/index.ts'
import { newId, newRequestId, systemClock } from '../../src/kernel/index.ts'
import { type Bus, createMemoryBus } from '../../src/platform/bus/index.ts'
import { createNetworks, type Networks } from '../../src/network/index.ts'
import { createScheduler, type Scheduler } from '../../src/scheduler/index.ts'
import { startImageServer } from './image-server.ts'
import { FILTER_OPTIONS } from './fleet.ts'
import { quietLog, type TestDatabases, testDatabases } from './database.ts'

/** In these states a server has a guest on its host. */
const WITH_A_GUEST = ['active', 'stopped', 'paused', 'suspended', 'rescued', 'resized', 'shelved', 'soft-delete']

/** A cloud without its HTTP faces: real databases, bus, scheduler, networks and simulated hosts. */
export interface TestCell {
  readonly databases: TestDatabases
  readonly cells: Cells
  readonly bus: Bus
  readonly hosts: FakeHosts
  readonly networks: Networks
  /** Ends the running conductor, if any, and starts another one: a new life of the same. */
  conduct(probe?: Probe): Promise<Conductor>
  /** Accepts a server as the API does. */
  create(overrides?: Partial<Server>, hints?: SchedulerHints): Promise<Server>
  /** @param prepare what else the request would write, under its id */
  request(
    kind: string,
    serverId: string,
    input?: object,
    prepare?: (requestId: string) => Promise<void>,
  ): Promise<void>
  /** Deletes it as the API does: withdraws the request while no cell has it, else lets a task do it. */
  remove(serverId: string): Promise<void>
  /** Resolves when no task is left. @throws when that takes longer than `deadline_s`. */
  settled(deadline_s?: number): Promise<void>
  /** Everything that a deleted server must not leave behind, by name; empty when all is clean. */
  leftovers(): Promise<string[]>
  /** Whether each host's sums are those of its claims, and those claims' servers its guests. */
  unbalanced(): Promise<string[]>
  stop(): Promise<void>
}

export const TEST_FLAVOR: Flavor = {
  id: 'test',
  name: 'test',
  vcpus: 1,
  memory_mb: 64,
  root_gb: 1,
  ephemeral_gb: 0,
  swap_mb: 0,
  extra_specs: {},
}

export async function startTestCell(options: {
  hosts: number
  separate?: boolean
  vcpus?: number
  /** Of each host, beside those of its processor. */
  traits?: string[]
  /** What the hosts are to suffer. */
  fault?: FakeFault
}): Promise<TestCell> {
  const databases = await testDatabases({ separate: options.separate ?? false })
  const directory = mkdtempSync(join(tmpdir(), 'bunova-cell-'))
  const bus = createMemoryBus({ log: quietLog })
  const cells = createCells(databases, quietLog)
  const cell = cells.get('cell1')
  const networks = createNetworks({ db: databases.global, externalCidr: null, log: quietLog })
  await networks.bootstrap()
  const scheduler: Scheduler = createScheduler({
    config: {
      DEFAULT: { service_down_time: 60 },
      filter_scheduler: {
        ...FILTER_OPTIONS,
        enabled_filters: ['DifferentHostFilter', 'SameHostFilter', 'JsonFilter', 'RetryFilter', 'ComputeFilter', 'CoreFilter', 'RamFilter', 'DiskFilter'],
        ram_weight_multiplier: 1,
        cpu_weight_multiplier: 1,
        disk_weight_multiplier: 1,
        host_subset_size: 1,
        shuffle_best_same_weighed_hosts: false,
      } as never,
    },
    cells: [hostSource(databases.global, cell, 'nova')],
    clock: systemClock,
    log: quietLog,
  })
  const conductorId = newId()
  const imageServer = startImageServer()
  const snapshots = new Map<string, ImageTarget>()
  let conductor: Conductor | undefined

  async function conduct(probe?: Probe): Promise<Conductor> {
    await conductor?.stop()
    conductor = createConductor({
      id: conductorId,
      cells,
      bus,
      planner: { plan: async (request) => scheduler.plan(request) },
      networks,
      images: { imageSource: async (id) => testImage({ id }) },
      snapshots: {
        target: async (id) => {
          if (!snapshots.has(id)) snapshots.set(id, imageServer.target('qcow2'))
          return imageServer.uploaded(snapshots.get(id)!) ? null : snapshots.get(id)!
        },
        discard: async (id) => void snapshots.delete(id),
        rotate: async () => {},
      },
      hosts: createHostCalls(bus, systemClock),
      clock: systemClock,
      log: quietLog,
      concurrency: 64,
      max_attempts: 3,
      instance_name_template: 'instance-%08x',
      shutdown_timeout_s: 1,
      resize_confirm_window_s: 0,
      shelved_offload_time_s: -1,
      reclaim_instance_interval_s: 0,
      running_deleted_instance_action: 'reap',
      default_schedule_zone: null,
      ...(probe ? { probe } : {}),
    })
    await conductor.start()
    return conductor
  }

  // The hosts join through a conductor, as any do.
  await conduct()
  const hosts = await startFakeHosts({
    count: options.hosts,
    directory,
    bus,
    clock: systemClock,
    log: quietLog,
    options: {
      report_interval_s: 10,
      sync_power_state_interval_s: -1,
      max_concurrent_builds: 10,
      inventory: {
        host_ip: '127.0.0.1',
        reserved_vcpus: 0,
        reserved_memory_mb: 0,
        reserved_disk_gb: 0,
        cpu_allocation_ratio: 1,
        ram_allocation_ratio: 1,
        disk_allocation_ratio: 1,
      },
    },
    driver: { inventory: { vcpus: options.vcpus ?? 64, traits: options.traits ?? [] }, fault: options.fault },
  })
  await until(async () => (await cell.sql`select 1 from hosts`).length === options.hosts, 10)
  await scheduler.start(bus)

  /** Global before cells: a task of the one leaves its successor in the other before it ends. */
  async function tasksLeft(): Promise<number> {
    let left = 0
    for (const db of [databases.global, ...cells.all()]) {
      const [row] = await db.sql<{ n: number }[]>`select count(*) as n from tasks`
      left += row?.n ?? 0
    }
    return left
  }

  return {
    databases,
    cells,
    bus,
    hosts,
    networks,
    conduct,
    async create(overrides = {}, hints) {
      const server = acceptedServer(overrides)
      const task = newId()
      const schedule = insertTasks(databases.global.sql, [
        {
          id: task,
          kind: 'server.schedule',
          subject: server.id,
          request_id: newRequestId(),
          input: { project_name: 'p', user_name: 'u', force_host: null, force_node: null, ...(hints ? { hints } : {}) },
          deadline_s: 300,
        },
      ])
      await accept(databases.global, [server], { project: { instances: -1, cores: -1, memory_mb: -1 }, user: null }, schedule)
      ringTask(bus, 'global', task, quietLog)
      return server
    },
    async request(kind, subject, input = {}, prepare) {
      const request_id = newRequestId()
      await prepare?.(request_id)
      const task = await cell.transaction(async (tx) => {
        await tx`update servers set generation = generation + 2 where id = ${subject}`
        return insertTask(tx, { kind, subject, request_id, input, deadline_s: 300 })
      })
      ringTask(bus, cell.id, task, quietLog)
    },
    async remove(serverId) {
      if (await databases.global.transaction((tx) => withdraw(tx, serverId))) return
      for (const db of cells.all()) {
        const task = await db.transaction(async (tx) => {
          await tx`update tasks set cancelled = true where subject = ${serverId}`
          const rows = await tx`
            update servers set task_state = 'deleting', generation = generation + 2
            where id = ${serverId} and deleted_at is null and task_state is distinct from 'deleting' returning id`
          if (rows.length === 0) return null
          return insertTask(tx, {
            kind: 'server.delete',
            subject: serverId,
            request_id: newRequestId(),
            input: {},
            deadline_s: 3600,
          })
        })
        if (task) ringTask(bus, db.id, task, quietLog)
      }
    },
    settled: (deadline_s = 20) => until(async () => (await tasksLeft()) === 0, deadline_s),
    async leftovers() {
      const found: string[] = []
      const { global } = databases
      const look = async (name: string, rows: PromiseLike<readonly unknown[]>): Promise<void> => {
        const { length } = await rows
        if (length > 0) found.push(`${length} ${name}`)
      }
      await look('ports', global.sql`select 1 from ports`)
      await look('addresses', global.sql`select 1 from ip_allocations`)
      await look('mappings', global.sql`select 1 from server_mappings`)
      await look('accepted requests', global.sql`select 1 from accepted_servers`)
      await look('quota uses', global.sql`select 1 from quota_usages where instances + cores + memory_mb <> 0`)
      await look('claims', cell.sql`select 1 from claims`)
      await look('used hosts', cell.sql`select 1 from hosts where vcpus_used + memory_mb_used + disk_gb_used + running_vms <> 0`)
      await look('live servers', cell.sql`select 1 from servers where deleted_at is null`)
      for (const [host, driver] of hosts.drivers) await look(`guests on ${host}`, driver.guests())
      return found
    },
    async unbalanced() {
      const sums = await cell.sql<{ host: string }[]>`
        select host from hosts left join (
          select host_id, sum(vcpus) as vcpus, sum(memory_mb) as memory_mb, sum(disk_gb) as disk_gb, count(*) as vms
          from claims group by host_id
        ) as sums on sums.host_id = hosts.id
        where (vcpus_used, memory_mb_used, disk_gb_used, running_vms)
          <> (coalesce(sums.vcpus, 0), coalesce(sums.memory_mb, 0), coalesce(sums.disk_gb, 0), coalesce(sums.vms, 0))
          or vcpus_used > vcpus_capacity or memory_mb_used > memory_mb_capacity or disk_gb_used > disk_gb_capacity`
      const found = sums.map((row) => `sums of ${row.host}`)
      const shares = await cell.sql<{ id: string; host: string; has_guest: boolean }[]>`
        select servers.id, hosts.host, held_for = 'server' and vm_state = any(${WITH_A_GUEST}) as has_guest
        from servers join claims on claims.server_id = servers.id join hosts on hosts.id = claims.host_id`
      const claimed = new Set(shares.map((row) => `${row.id} on ${row.host}`))
      const wanted = new Set(shares.filter((row) => row.has_guest).map((row) => `${row.id} on ${row.host}`))
      for (const [host, driver] of hosts.drivers) {
        for (const guest of await driver.guests()) {
          wanted.delete(`${guest.server_id} on ${host}`)
          if (!claimed.has(`${guest.server_id} on ${host}`)) found.push(`guest ${guest.server_id} on ${host} has no claim`)
        }
      }
      return [...found, ...[...wanted].map((server) => `${server} has no guest`)]
    },
    async stop() {
      await conductor?.stop()
      await scheduler.stop()
      await hosts.stop()
      await imageServer.stop()
      await bus.close()
      await databases.drop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export function acceptedServer(overrides: Partial<Server> = {}): Server {
  const id = newId()
  const flavor = overrides.flavor ?? TEST_FLAVOR
  return {
    id,
    number: null,
    project_id: 'project',
    user_id: 'user',
    name: `server-${id.slice(0, 8)}`,
    description: null,
    hostname: `server-${id.slice(0, 8)}`,
    vm_state: 'building',
    task_state: 'scheduling',
    power_state: 0,
    progress: 0,
    flavor,
    flavor_id: flavor.id,
    image_id: null,
    image: null,
    key_name: null,
    public_key: null,
    metadata: {},
    tags: [],
    security_groups: [{ name: 'default' }],
    requested_networks: 'auto',
    vifs: [],
    availability_zone: null,
    host: null,
    node: null,
    reservation_id: 'r-00000000',
    launch_index: 0,
    config_drive: false,
    user_data: null,
    access_ip_v4: null,
    access_ip_v6: null,
    auto_disk_config: true,
    root_device_name: null,
    trusted_image_certificates: null,
    scheduler_hints: {},
    locked_by: null,
    locked_reason: null,
    group_id: null,
    fault: null,
    explanation: null,
    generation: 0,
    created_at: new Date(),
    updated_at: new Date(),
    launched_at: null,
    terminated_at: null,
    deleted_at: null,
    power_reported_at: null,
    ...overrides,
  }
}

/** Looks again and again until `holds`. @throws after `deadline_s`. */
export async function until(holds: () => Promise<boolean>, deadline_s: number): Promise<void> {
  const deadline = Date.now() + deadline_s * 1000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`did not come true within ${deadline_s} s: ${holds}`)
    await Bun.sleep(20)
  }
}
