import { reportInventory, reportServices, retireService, type Server, serversOnHost, touchHosts } from '../cells/index.ts'
import { type HostEvent, HOST_EVENTS, hostEvent } from '../contracts/index.ts'
import { type Clock, newId } from '../kernel/index.ts'
import type { Bus, Subscription } from '../platform/bus/index.ts'
import type { CellDb, GlobalDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { tellOfGuest } from './guest-facts.ts'
import type { HostCalls } from './ports.ts'
import { syncPower } from './power-sync.ts'
import { noteProgress } from './progress.ts'

/** Nova's words: look away, tell, turn off, or remove. */
export type StrayAction = 'noop' | 'log' | 'shutdown' | 'reap'

export interface HostEventOptions {
  readonly bus: Bus
  readonly global: GlobalDb
  readonly cell: CellDb
  readonly hosts: HostCalls
  readonly clock: Clock
  readonly log: Logger
  /** `[DEFAULT] running_deleted_instance_action`: what is done with a guest whose server is not placed there. */
  readonly running_deleted_instance_action: StrayAction
  ring(database: string, taskId: string): void
  networksWanted(host: string, holds: string | undefined): Promise<void>
  hostsChanged(cellId: string, hostIds: readonly number[]): void
}

/** Heartbeats are written together, at most this often. */
const HEARTBEAT_BATCH_MS = 500
const CONCURRENCY = 16
const STRAY_DEADLINE_S = 60
/** Strays treated at once; what is left over is in the next report of its host. */
const MAX_STRAYS = 64
/** Refused by no journal: it is for a guest whose server is gone, whatever generation that had. */
const LAST_GENERATION = 2 ** 31 - 1

/**
 * Listens to the compute hosts of one cell. A host is the least trusted party: it is believed only about itself, so an
 * event never touches a server that the cell has placed elsewhere.
 */
export function listenToHosts(options: HostEventOptions): Subscription {
  const { bus, global, cell, hosts, clock, log } = options
  const heartbeats = new Set<string>()
  const strays = new Set<string>()
  const answering = aside(log)
  let flush: ReturnType<typeof setTimeout> | undefined

  async function handle(event: HostEvent): Promise<void> {
    switch (event.event) {
      case 'inventory':
        await join(event.host)
        return options.hostsChanged(cell.id, [await reportInventory(cell, event.host, event.inventory)])
      case 'heartbeat':
        heartbeats.add(event.host)
        flush ??= setTimeout(writeHeartbeats, HEARTBEAT_BATCH_MS)
        return
      case 'power': {
        const task = await syncPower(cell, event, log)
        if (task) options.ring(cell.id, task)
        return
      }
      case 'guests':
        return compareGuests(event)
      case 'progress':
        return noteProgress(cell, event)
      case 'guest_wanted':
      case 'guest_password':
        return answering.start(`${event.host} ${event.server_id}`, () => tellOfGuest(bus, cell, event))
      case 'networks_wanted':
        return answering.start(event.host, () => options.networksWanted(event.host, event.holds))
      case 'goodbye':
        await retireService(cell, 'nova-compute', event.host)
        return options.hostsChanged(cell.id, await touchHosts(cell, [event.host]))
    }
  }

  /** A host joins by its first report: its service, and the mapping that says in which cell it is. */
  async function join(host: string): Promise<void> {
    await reportServices(cell, 'nova-compute', [host], new Date(clock.now()))
    await global.sql`insert into host_mappings (host, cell_id) values (${host}, ${cell.id}) on conflict do nothing`
  }

  function writeHeartbeats(): void {
    flush = undefined
    const seen = [...heartbeats]
    heartbeats.clear()
    reportServices(cell, 'nova-compute', seen, new Date(clock.now())).catch((error) =>
      log.warn({ err: error }, 'could not note heartbeats; the next ones will do'),
    )
  }

  /** What runs on the host but does not belong there is removed; what belongs there is brought up to date. */
  async function compareGuests(event: Extract<HostEvent, { event: 'guests' }>): Promise<void> {
    const placed = new Map<string, Pick<Server, 'id'>>()
    for (const server of await serversOnHost(cell, event.host)) placed.set(server.id, server)
    for (const guest of event.guests) {
      if (placed.has(guest.server_id)) {
        const task = await syncPower(cell, { ...event, ...guest }, log)
        if (task) options.ring(cell.id, task)
      } else startOnStray(event.host, guest.server_id)
    }
  }

  /** Not awaited: a host may take a minute for each, and the heartbeats of others would wait behind it. */
  function startOnStray(host: string, serverId: string): void {
    const stray = `${serverId} on ${host}`
    if (strays.has(stray) || strays.size >= MAX_STRAYS) return
    strays.add(stray)
    treatStray(host, serverId)
      .catch((error) => log.warn({ err: error, host, instance: serverId }, 'a stray guest is left to the next report'))
      .finally(() => strays.delete(stray))
  }

  async function treatStray(host: string, serverId: string): Promise<void> {
    const action = options.running_deleted_instance_action
    if (action === 'noop') return
    log.warn({ host, instance: serverId, action }, 'a guest runs where no server is placed')
    if (action === 'log') return
    const [row] = await cell.sql<{ generation: number; deleted: boolean; evacuated: boolean }[]>`
      select generation, deleted_at is not null as deleted, exists (
        select from migrations
        where server_id = ${serverId} and source_compute = ${host} and migration_type = 'evacuation'
      ) as evacuated
      from servers where id = ${serverId}`
    const generation = row && !row.deleted ? row.generation : LAST_GENERATION
    // On storage that hosts share, the disks of a server that was evacuated are those that it runs on elsewhere.
    const keep_disks = row !== undefined && !row.deleted && row.evacuated
    const order =
      action === 'reap' ? ({ verb: 'destroy', keep_disks } as const) : ({ verb: 'power_off', timeout_s: 0 } as const)
    await hosts.command(host, { ...order, command_id: newId(), server_id: serverId, generation }, STRAY_DEADLINE_S)
  }

  const subscription = bus.consume(HOST_EVENTS, { group: `conductor-${cell.id}`, concurrency: CONCURRENCY }, async (message) => {
    let event: HostEvent
    try {
      event = hostEvent.parse(message)
    } catch (error) {
      return log.warn({ err: error }, 'a host event that does not fit its contract was dropped')
    }
    await handle(event)
  })

  return {
    ready: subscription.ready,
    async stop() {
      await subscription.stop()
      if (flush) {
        clearTimeout(flush)
        writeHeartbeats()
      }
    },
  }
}

/** Questions of hosts that are answered at once; who is not answered asks again. */
const MAX_ANSWERS = 256

/** Does work that waits for a host, beside the events of the others: each kind once at a time. */
function aside(log: Logger): { start(name: string, work: () => Promise<void>): void } {
  const running = new Set<string>()
  return {
    start(name, work) {
      if (running.has(name) || running.size >= MAX_ANSWERS) return
      running.add(name)
      work()
        .catch((error) => log.debug({ err: error }, 'a host could not be answered; it will ask again'))
        .finally(() => running.delete(name))
    },
  }
}
