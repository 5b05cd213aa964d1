import type { Cells } from '../cells/index.ts'
import { type HostNetworks, tasksTopic } from '../contracts/index.ts'
import type { Clock } from '../kernel/index.ts'
import type { Bus, Json, Subscription } from '../platform/bus/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { createChangedHosts } from './changed-hosts.ts'
import { createEngine, type Engine, type TaskEnd } from './engine.ts'
import { listenToHosts, type StrayAction } from './host-events.ts'
import { createHostNetworkTeller } from './host-networks.ts'
import type { HostCalls, ImageSnapshots, ImageSources, Planner, ServerNetworks } from './ports.ts'
import type { Probe } from './run.ts'
import type { AnyTaskKind } from './task.ts'
import { attachInterface, detachInterface } from './tasks/attach-interface.ts'
import { buildServer } from './tasks/build-server.ts'
import { cacheImage } from './tasks/cache-image.ts'
import { deleteServer } from './tasks/delete-server.ts'
import type { TaskPorts } from './tasks/ports.ts'
import { powerTasks } from './tasks/power.ts'
import { rebuildServer } from './tasks/rebuild-server.ts'
import { confirmResize, revertResize } from './tasks/confirm-resize.ts'
import { evacuateServer } from './tasks/evacuate-server.ts'
import { forceComplete, liveMigrate } from './tasks/live-migrate.ts'
import { rescueServer } from './tasks/rescue-server.ts'
import { resizeServer } from './tasks/resize-server.ts'
import { scheduleServer } from './tasks/schedule-server.ts'
import { offloadServer, shelveServer } from './tasks/shelve-server.ts'
import { snapshotServer } from './tasks/snapshot-server.ts'
import { discardImage, unshelveServer } from './tasks/unshelve-server.ts'
import { lookForReserved, lookForWaiting, type Waits } from './periodic.ts'

export interface ConductorOptions extends Waits {
  /** Stable over restarts: an id kept in the state path. */
  readonly id: string
  readonly cells: Cells
  readonly bus: Bus
  readonly planner: Planner
  readonly networks: ServerNetworks & { hostNetworks(host: string): Promise<HostNetworks> }
  readonly images: ImageSources
  readonly snapshots: ImageSnapshots
  readonly hosts: HostCalls
  readonly clock: Clock
  readonly log: Logger
  /** `[conductor] workers`: tasks of one database that run at once. */
  readonly concurrency: number
  /** `[scheduler] max_attempts`. */
  readonly max_attempts: number
  readonly instance_name_template: string
  readonly shutdown_timeout_s: number
  readonly running_deleted_instance_action: StrayAction
  /** Zone of servers that ask for none; null leaves them any. */
  readonly default_schedule_zone: string | null
  /** For tests: ends runs where a crash or a failure would. */
  readonly probe?: Probe
  /** Told of every run of a task. */
  readonly observe?: (end: TaskEnd) => void
}

export interface Conductor {
  start(): Promise<void>
  stop(): Promise<void>
  /** By database, the tasks that run here now and those in line. */
  load(): { database: string; running: number; waiting: number }[]
}

/** Runs the tasks of the global database and of every cell, and listens to the cells' hosts. */
export function createConductor(options: ConductorOptions): Conductor {
  const { cells, bus, clock, log } = options
  const changed = createChangedHosts(bus, log)
  const ports: TaskPorts = {
    ...options,
    ring: (database, taskId) => ringTask(bus, database, taskId, log),
    hostsChanged: (cellId, hostIds, tried) => changed.add(cellId, hostIds, tried),
  }

  function engine(db: typeof cells.global | ReturnType<Cells['get']>, kinds: readonly AnyTaskKind[]): Engine {
    return createEngine({
      db,
      kinds,
      bus,
      conductor: options.id,
      clock,
      log,
      concurrency: options.concurrency,
      ...(options.probe ? { probe: options.probe } : {}),
      ...(options.observe ? { observe: options.observe } : {}),
    })
  }

  const engines = [
    engine(cells.global, [scheduleServer(ports), cacheImage(ports)]),
    ...cells.all().map((cell) =>
      engine(cell, [
        buildServer(ports, cell),
        deleteServer(ports, cell),
        ...powerTasks(ports, cell),
        rebuildServer(ports, cell),
        rescueServer(ports, cell),
        snapshotServer(ports, cell),
        resizeServer(ports, cell),
        confirmResize(ports, cell),
        revertResize(ports, cell),
        shelveServer(ports, cell),
        offloadServer(ports, cell),
        unshelveServer(ports, cell),
        discardImage(ports),
        liveMigrate(ports, cell),
        forceComplete(ports, cell),
        evacuateServer(ports, cell),
        attachInterface(ports, cell),
        detachInterface(ports, cell),
      ]),
    ),
  ]
  const teller = createHostNetworkTeller(options)
  let listeners: Subscription[] = []
  const stopped = new AbortController()
  let looking: Promise<void> = Promise.resolve()

  /** Never ends by an error: what could not be looked at now is there the next time. */
  async function lookNowAndThen(): Promise<void> {
    for (;;) {
      await clock.sleep(LOOK_INTERVAL_MS, stopped.signal)
      if (stopped.signal.aborted) return
      const now = new Date(clock.now())
      const looks = [lookForReserved(ports, now), ...cells.withHosts().map((cell) => lookForWaiting(ports, cell, options, now))]
      for (const look of await Promise.allSettled(looks)) {
        if (look.status === 'rejected') log.warn({ err: look.reason }, 'servers that wait were not looked at; they will be')
      }
    }
  }

  return {
    load: () => engines.map((each) => each.load()),
    async start() {
      const hosts = { ...options, ...ports, global: cells.global, networksWanted: teller.tell }
      listeners = [...cells.withHosts().map((cell) => listenToHosts({ ...hosts, cell })), teller.listen()]
      await Promise.all(listeners.map((listener) => listener.ready))
      await Promise.all(engines.map((each) => each.start()))
      looking = lookNowAndThen()
    },
    async stop() {
      stopped.abort()
      await looking
      await Promise.all(listeners.map((listener) => listener.stop()))
      await Promise.all(engines.map((each) => each.stop()))
      changed.tell()
    },
  }
}

/** How often servers are looked for for whom a time has come. */
const LOOK_INTERVAL_MS = 5_000

/** Tells the conductors of a database that a task is there. Nothing is lost when nobody hears it: they also sweep. */
export function ringTask(bus: Bus, database: string, taskId: string, log: Logger): void {
  bus.publish(tasksTopic(database), { task_id: taskId } satisfies Json).catch((error) => {
    log.debug({ err: error, task: taskId }, 'the doorbell did not ring; the task will be found by a sweep')
  })
}
