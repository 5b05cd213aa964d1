import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Distribution, EmbeddedPostgresError, installDistribution } from './distribution.ts'

/** A PostgreSQL data directory with what runs it. */
export interface Cluster {
  readonly directory: string
  readonly data: string
  readonly socketDirectory: string
  readonly logFile: string
  readonly distribution: Distribution
  readonly arguments: readonly string[]
  readonly account: Account | undefined
}

/** A running postmaster. */
export interface Server {
  readonly pid: number
  readonly exited: Promise<void>
}

interface Account {
  readonly uid: number
  readonly gid: number
}

export const SUPERUSER = 'nova'
const PORT = 5432
/** The kernel's bound for the path of a unix socket, less its closing zero. */
const SOCKET_PATH_MAX = 107
const LOG_FILE_MAX_BYTES = 16 * 1024 * 1024
/** Long enough to replay a full `max_wal_size` after a crash. */
const START_DEADLINE_MS = 60_000
const ADOPTED_POLL_MS = 200
const READY_POLL_MS = 5

/** What differs from PostgreSQL's defaults, to be a small neighbour on the machine that also runs the guests. */
const SETTINGS: Record<string, string> = {
  // Only through the socket, whose directory nobody else may enter.
  listen_addresses: '',
  unix_socket_permissions: '0700',
  // The working set of thousands of servers is a few MB; the page cache holds the rest.
  shared_buffers: '48MB',
  // Every role in one process needs 18; psql and a second process during an upgrade fit, too.
  max_connections: '60',
  // No replica and no archive reads the log: shorter records, fewer background processes.
  wal_level: 'minimal',
  max_wal_senders: '0',
  io_method: 'sync',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  autovacuum_worker_slots: '2',
  autovacuum_max_workers: '1',
  // A checkpoint makes the next write of each page log all of it: rarely is better, and 512 MB replay in seconds.
  checkpoint_timeout: '15min',
  max_wal_size: '512MB',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
}

/**
 * Makes ready what is missing: programs, data directory, socket directory.
 * @throws {EmbeddedPostgresError} for a data directory of another major version, and when initdb fails.
 */
export function prepareCluster(directory: string, settings: Record<string, string> = {}): Cluster {
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  const root = realpathSync(directory)
  const distribution = installDistribution(root)
  const account = process.getuid?.() === 0 ? nobody() : undefined
  const data = join(root, 'data')
  const socketDirectory = makeSocketDirectory(root, account)
  const options = { ...SETTINGS, unix_socket_directories: socketDirectory, ...settings }
  const cluster: Cluster = {
    directory: root,
    data,
    socketDirectory,
    logFile: join(root, 'postgres.log'),
    distribution,
    arguments: ['-D', data, ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    account,
  }
  if (!existsSync(join(data, 'PG_VERSION'))) createData(cluster)
  const made = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  if (made !== distribution.major) {
    throw new EmbeddedPostgresError(
      `${data} was made by PostgreSQL ${made}, this release brings ${distribution.major}: dump it with PostgreSQL ` +
        `${made} and load it again, or run PostgreSQL ${made} yourself and set [database] connection`,
    )
  }
  return cluster
}

/** The `connection` line of a cluster's database. */
export function connectionOf(cluster: Cluster): string {
  return `postgresql://${SUPERUSER}@/postgres?host=${encodeURIComponent(cluster.socketDirectory)}`
}

/** PostgreSQL refuses to run as root; then it gets the account that owns nothing. */
function nobody(): Account {
  const line = readFileSync('/etc/passwd', 'utf8').match(/^nobody:[^:]*:(\d+):(\d+):/m)
  if (!line) throw new EmbeddedPostgresError('PostgreSQL cannot run as root, and there is no user "nobody" to run it as')
  return { uid: Number(line[1]), gid: Number(line[2]) }
}

/** `run` beside the data; in the temporary directory when that path is too long for a socket. */
function makeSocketDirectory(root: string, account: Account | undefined): string {
  const socket = `/.s.PGSQL.${PORT}`
  let path = join(root, 'run')
  if (Buffer.byteLength(path + socket) > SOCKET_PATH_MAX) {
    path = join(realpathSync(tmpdir()), `bunova-pg-${Bun.hash(root).toString(16)}`)
  }
  makePrivateDirectory(path, account)
  const owner = lstatSync(path)
  // In a shared temporary directory, somebody else may have been first.
  if (!owner.isDirectory() || owner.uid !== (account?.uid ?? process.getuid?.())) {
    throw new EmbeddedPostgresError(`${path}, which is to hold the database's socket, belongs to someone else`)
  }
  return path
}

function makePrivateDirectory(path: string, account: Account | undefined): void {
  if (existsSync(path)) return
  mkdirSync(path, { mode: 0o700 })
  if (account) chownSync(path, account.uid, account.gid)
}

/** Runs initdb in a directory of its own, so that an interrupted one leaves no half-made data directory. */
function createData(cluster: Cluster): void {
  const unfinished = `${cluster.data}.new`
  rmSync(unfinished, { recursive: true, force: true })
  makePrivateDirectory(unfinished, cluster.account)
  const result = spawnSync(
    cluster.distribution.initdb,
    [
      `--pgdata=${unfinished}`,
      `--username=${SUPERUSER}`,
      '--auth=trust',
      '--encoding=UTF8',
      // Sorts by code point, the same on every machine, and knows the cases of all letters.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      // One sync of the file system instead of a thousand of files.
      '--sync-method=syncfs',
      '--no-instructions',
    ],
    { ...cluster.account, cwd: '/', env: environment(), encoding: 'utf8' },
  )
  if (result.status !== 0) {
    rmSync(unfinished, { recursive: true, force: true })
    const reason = blockedFor(cluster) ?? result.error?.message ?? result.stderr.trim()
    throw new EmbeddedPostgresError(`cannot make the database in ${cluster.directory}: ${reason}`)
  }
  rmSync(cluster.data, { recursive: true, force: true })
  renameSync(unfinished, cluster.data)
}

/** The first directory on the way to the cluster that its account may not enter, as a sentence. */
function blockedFor({ directory, account }: Cluster): string | undefined {
  if (!account) return undefined
  const above = (path: string): string[] => (path === '/' ? ['/'] : [...above(dirname(path)), path])
  const blocked = above(directory).find((path) => (statSync(path).mode & 0o001) === 0)
  if (blocked === undefined) return undefined
  return `PostgreSQL runs as "nobody", who may not enter ${blocked}; allow it with: chmod o+x ${blocked}`
}

function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}

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
