import type { Logger } from '../log/index.ts'
import { type Cluster, connectionOf, prepareCluster } from './cluster.ts'
import { findServer, isCurrent, launch, type Server, untilReady } from './postmaster.ts'

export interface EmbeddedPostgresOptions {
  /** Holds all of it: programs, data, socket and log. Made when missing. */
  readonly directory: string
  readonly log: Logger
  /** Settings of PostgreSQL beside ours, by name; for tests. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface EmbeddedPostgres {
  /** For `openDatabases`: a `[database] connection` line. */
  readonly connection: string
  /** Process id of the postmaster; changes when it had to be started again. */
  readonly pid: number
  /** True when it was running already: its former owner was killed. */
  readonly adopted: boolean
  /** Shuts down, ending what is in flight; committed work is safe. */
  stop(): Promise<void>
}

const START_ATTEMPTS = 3
const RESTART_WAIT_MIN_MS = 100
const RESTART_WAIT_MAX_MS = 5_000
const FAST_SHUTDOWN_DEADLINE_MS = 10_000
const IMMEDIATE_SHUTDOWN_DEADLINE_MS = 5_000

/**
 * Starts the PostgreSQL that comes with Bunova, making its data directory first if need be, and keeps it running: when
 * it dies, it is started again after a pause, for as long as this process lives. One that a killed process left behind
 * is taken over.
 * @throws {EmbeddedPostgresError} saying why it cannot run and what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log } = options
  const cluster = prepareCluster(options.directory, options.settings)
  const running = await adopt(cluster, log)
  const stopped = new AbortController()
  let server = running ?? (await start(cluster, stopped.signal))
  const supervision = supervise()

  async function supervise(): Promise<void> {
    let wait_ms = RESTART_WAIT_MIN_MS
    for (;;) {
      await server.exited
      if (stopped.signal.aborted) return
      log.error(`the embedded database (pid ${server.pid}) ended unexpectedly; starting it again`)
      for (;;) {
        await pause(wait_ms, stopped.signal)
        if (stopped.signal.aborted) return
        try {
          server = await start(cluster, stopped.signal)
          log.info(`the embedded database runs again (pid ${server.pid})`)
          wait_ms = RESTART_WAIT_MIN_MS
          break
        } catch (err) {
          if (stopped.signal.aborted) return
          wait_ms = Math.min(wait_ms * 2, RESTART_WAIT_MAX_MS)
          log.error({ err }, `the embedded database does not start; next attempt in ${wait_ms} ms`)
        }
      }
    }
  }

  return {
    connection: connectionOf(cluster),
    adopted: running !== undefined,
    get pid() {
      return server.pid
    },
    async stop() {
      stopped.abort()
      await shutDown(server, log)
      await supervision
    },
  }
}

async function adopt(cluster: Cluster, log: Logger): Promise<Server | undefined> {
  const server = findServer(cluster)
  if (!server) return undefined
  if (!isCurrent(cluster)) {
    log.info('the embedded database runs with programs or settings of another release; restarting it')
    await shutDown(server, log)
    return undefined
  }
  try {
    await untilReady(cluster, server)
  } catch (error) {
    // It was about to end; then it has to be started like any other.
    if (findServer(cluster)) throw error
    return undefined
  }
  log.info(`took over the embedded database of an earlier run (pid ${server.pid})`)
  return server
}

/** Right after a kill, children of the old postmaster hold its memory for a moment; so one failure says little. */
async function start(cluster: Cluster, signal: AbortSignal): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    const server = launch(cluster)
    const abort = () => signalProcess(server.pid, 'SIGINT')
    signal.addEventListener('abort', abort, { once: true })
    try {
      await untilReady(cluster, server)
      return server
    } catch (error) {
      if (attempt >= START_ATTEMPTS || signal.aborted) throw error
      await pause(RESTART_WAIT_MIN_MS * attempt, signal)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}

/** SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one: as a crash, and recovered from like one. */
async function shutDown(server: Server, log: Logger): Promise<void> {
  for (const [signal, deadline_ms] of [
    ['SIGINT', FAST_SHUTDOWN_DEADLINE_MS],
    ['SIGQUIT', IMMEDIATE_SHUTDOWN_DEADLINE_MS],
  ] as const) {
    signalProcess(server.pid, signal)
    const ended = await Promise.race([server.exited.then(() => true), Bun.sleep(deadline_ms).then(() => false)])
    if (ended) return
    log.warn(`the embedded database (pid ${server.pid}) did not end within ${deadline_ms} ms of ${signal}`)
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended already, which is what was wanted.
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(resolve, ms)
    timer.unref()
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
