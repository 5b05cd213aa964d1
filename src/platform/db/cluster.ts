import { spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
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
  /** False where the settings turn `fsync` off: then nothing else need wait for the disk either. */
  readonly durable: boolean
}

interface Account {
  readonly uid: number
  readonly gid: number
}

const SUPERUSER = 'nova'
export const PORT = 5432
/** The kernel's bound for the path of a unix socket, less its closing zero. */
const SOCKET_PATH_MAX = 107

/** What differs from PostgreSQL's defaults, to be a small neighbour on the machine that also runs the guests. */
const SETTINGS: Record<string, string> = {
  // Only through the socket, whose directory nobody else may enter.
  listen_addresses: '',
  unix_socket_permissions: '0700',
  // The working set of thousands of servers is a few MB; the page cache holds the rest.
  shared_buffers: '48MB',
  // Every role in one process needs 12; psql and a second process during an upgrade fit, too.
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
  const options: Record<string, string> = { ...SETTINGS, unix_socket_directories: socketDirectory, ...settings }
  const cluster: Cluster = {
    directory: root,
    data,
    socketDirectory,
    logFile: join(root, 'postgres.log'),
    distribution,
    arguments: ['-D', data, ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    account,
    durable: options.fsync !== 'off',
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
  if (!line)
    throw new EmbeddedPostgresError('PostgreSQL cannot run as root, and there is no user "nobody" to run it as')
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
      '--no-instructions',
      ...(cluster.durable ? [] : ['--no-sync']),
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
export function blockedFor({ directory, account }: Cluster): string | undefined {
  if (!account) return undefined
  const above = (path: string): string[] => (path === '/' ? ['/'] : [...above(dirname(path)), path])
  const blocked = above(directory).find((path) => (statSync(path).mode & 0o001) === 0)
  if (blocked === undefined) return undefined
  return `PostgreSQL runs as "nobody", who may not enter ${blocked}; allow it with: chmod o+x ${blocked}`
}

export function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}
