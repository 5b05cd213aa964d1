import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { blockedFor, type Cluster, environment, PORT } from './cluster.ts'
import { EmbeddedPostgresError } from './distribution.ts'

/** A running postmaster. */
export interface Server {
  readonly pid: number
  readonly exited: Promise<void>
}

const LOG_FILE_MAX_BYTES = 16 * 1024 * 1024
/** Long enough to replay a full `max_wal_size` after a crash. */
const START_DEADLINE_MS = 60_000
const ADOPTED_POLL_MS = 200
const READY_POLL_MS = 5

/** The postmaster that runs on this data directory now, ours or one that outlived its parent. */
export function findServer(cluster: Cluster): Server | undefined {
  const pid = readPidFile(cluster)?.pid
  if (pid === undefined || !runsOn(pid, cluster.data)) return undefined
  return { pid, exited: pollUntilGone(pid, cluster.data) }
}

/** Whether a running postmaster was started with the programs and settings that `cluster` asks for. */
export function isCurrent(cluster: Cluster): boolean {
  const wanted = [cluster.distribution.postgres, ...cluster.arguments.map((argument) => `"${argument}"`)].join(' ')
  try {
    return readFileSync(join(cluster.data, 'postmaster.opts'), 'utf8').trim() === wanted
  } catch {
    return false
  }
}

/** Starts a postmaster in a session of its own: Ctrl-C at our terminal must not end it before us. */
export function launch(cluster: Cluster): Server {
  removeStaleLocks(cluster)
  if (existsSync(cluster.logFile) && statSync(cluster.logFile).size > LOG_FILE_MAX_BYTES) {
    renameSync(cluster.logFile, `${cluster.logFile}.1`)
  }
  const log = openSync(cluster.logFile, 'a', 0o640)
  chmodSync(cluster.logFile, 0o640)
  let child: ChildProcess
  try {
    child = spawn(cluster.distribution.postgres, [...cluster.arguments], {
      ...cluster.account,
      cwd: '/',
      env: environment(),
      detached: true,
      stdio: ['ignore', log, log],
    })
  } catch (error) {
    throw new EmbeddedPostgresError(`cannot start the database: ${blockedFor(cluster) ?? (error as Error).message}`)
  } finally {
    closeSync(log)
  }
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  child.unref()
  return { pid: child.pid ?? 0, exited }
}

/**
 * Waits until `server` takes connections.
 * @throws {EmbeddedPostgresError} with the last words of its log when it ends instead, or is not ready in time.
 */
export async function untilReady(cluster: Cluster, server: Server): Promise<void> {
  let gone = false
  void server.exited.then(() => (gone = true))
  const deadline = Date.now() + START_DEADLINE_MS
  for (;;) {
    const file = readPidFile(cluster)
    if (file?.pid === server.pid && file.status === 'ready') return
    if (gone || Date.now() > deadline) {
      const what = gone ? 'did not start' : `was not ready after ${START_DEADLINE_MS / 1000} s`
      throw new EmbeddedPostgresError(`the database in ${cluster.directory} ${what}: ${lastLines(cluster.logFile)}`)
    }
    await Bun.sleep(READY_POLL_MS)
  }
}

function lastLines(path: string): string {
  const text = readFileSync(path, 'utf8').trimEnd()
  return text.split('\n').slice(-3).join(' | ') || 'its log is empty'
}

/** `postmaster.pid`: the process id is its first line, the state its eighth. */
function readPidFile({ data }: Cluster): { pid: number; status: string } | undefined {
  const path = join(data, 'postmaster.pid')
  const pid = lockOwner(path)
  return pid === undefined ? undefined : { pid, status: linesOf(path)[7]?.trim() ?? '' }
}

function lockOwner(path: string): number | undefined {
  const pid = Number(linesOf(path)[0])
  return Number.isInteger(pid) && pid > 0 ? pid : undefined
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}

/** A postmaster and its children work inside their data directory; so a reused process id does not deceive. */
function runsOn(pid: number, data: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === data
  } catch {
    return false
  }
}

/**
 * PostgreSQL takes away the lock files of a dead postmaster itself, but not while another process has its pid, as
 * happens after a reboot, or while it is a zombie that nobody waits for. Orphaned children of a killed postmaster may
 * still write: as long as one works in the data directory, the files stay and the start fails.
 */
function removeStaleLocks({ data, socketDirectory }: Cluster): void {
  const locks = [join(data, 'postmaster.pid'), join(socketDirectory, `.s.PGSQL.${PORT}.lock`)]
  const stale = locks.filter((path) => {
    const pid = lockOwner(path)
    return pid !== undefined && existsSync(`/proc/${pid}`) && !runsOn(pid, data)
  })
  if (stale.length === 0) return
  const inUse = readdirSync('/proc').some((name) => /^\d+$/.test(name) && runsOn(Number(name), data))
  if (!inUse) stale.forEach((path) => rmSync(path, { force: true }))
}

async function pollUntilGone(pid: number, data: string): Promise<void> {
  while (runsOn(pid, data)) {
    await new Promise<void>((resolve) => setTimeout(resolve, ADOPTED_POLL_MS).unref())
  }
}
