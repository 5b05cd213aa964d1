import { runOrThrow } from './command.ts'

/** A group of processes with its own view of mounts and processes, which ends when this process ends. */
export interface Namespace {
  /** Path of its network namespace: its own, or the machine's. */
  readonly network: string
  running(): boolean
  /** Runs a program inside. @returns its standard output. @throws {Error} with what it said on standard error. */
  exec(command: string[]): Promise<string>
  /** What its first process said on standard error so far. */
  complaints(): string
  /** Ends every process inside at once. */
  stop(): Promise<void>
}

export interface NamespaceOptions {
  /** A host name of its own. */
  readonly hostname?: string
  /** `none`: a loopback interface of its own and nothing else. */
  readonly network: 'machine' | 'none'
  /** [source, target]: the file or folder `source` is seen as `target` inside; a missing target becomes a folder. */
  readonly binds: readonly (readonly [string, string])[]
  /** Folders that are empty inside, where they exist. */
  readonly masks: readonly string[]
  /** A shell script that the first process runs before it waits; daemons it starts live on. */
  readonly command: string
}

const STARTED = 'started'
const START_DEADLINE_MS = 20_000
const STOP_DEADLINE_MS = 5_000
const MAX_COMPLAINTS = 64 * 1024

/**
 * The first process inside must take in the exit codes of orphaned daemons, which a shell that waits does, and must end
 * with us, however we end: the kernel closes its standard input then, and `cat` returns. With it goes the namespace.
 */
const FIRST_PROCESS = `
set -e
exec 3<&0
hostname=$1; network=$2; command=$3; shift 3
while [ "$1" != -- ]; do [ -e "$2" ] || mkdir -p "$2"; mount --bind "$1" "$2"; shift 2; done; shift
for folder; do [ ! -d "$folder" ] || mount -t tmpfs -o mode=755 none "$folder"; done
[ -z "$hostname" ] || echo "$hostname" >/proc/sys/kernel/hostname
[ "$network" != none ] || PATH=$PATH:/usr/sbin:/sbin ip link set lo up
( eval "$command" ) </dev/null >&2
echo ${STARTED}
cat <&3 >/dev/null &
wait $!`

/** @throws {Error} when namespaces may not be made here, or the script fails: the message says why. */
export async function startNamespace(options: NamespaceOptions): Promise<Namespace> {
  const { hostname = '', network } = options
  const kinds = ['--mount', '--uts', '--pid', ...(network === 'none' ? ['--net'] : [])]
  const unshare = ['unshare', ...kinds, '--fork', '--kill-child', '--mount-proc']
  const args = [hostname, network, options.command, ...options.binds.flat(), '--', ...options.masks]
  const child = Bun.spawn({
    cmd: [...unshare, '/bin/sh', '-c', FIRST_PROCESS, 'first-process', ...args],
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    // Of its own session, so that Ctrl-C on a terminal reaches us only and we end it in our order.
    detached: true,
  })
  const complaints = collect(child.stderr)
  const namespace: Namespace = {
    network: `/proc/${child.pid}/ns/net`,
    running: () => child.exitCode === null && child.signalCode === null,
    exec: (command) => runOrThrow(['nsenter', ...entrances(child.pid, network), '--', ...command]),
    complaints: () => complaints.text.trim(),
    stop: async () => {
      child.stdin.end()
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
      await child.exited
      clearTimeout(timer)
    },
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS)
  const started = (await firstLine(child.stdout)) === STARTED
  clearTimeout(timer)
  if (started) return namespace
  await namespace.stop()
  throw new Error(`no namespaces for a private host: ${complaints.text.trim() || 'it did not start in time'}`)
}

function entrances(pid: number, network: 'machine' | 'none'): string[] {
  const of = (name: string): string => `/proc/${pid}/ns/${name}`
  const net = network === 'none' ? [`--net=${of('net')}`] : []
  return [`--mount=${of('mnt')}`, `--uts=${of('uts')}`, `--pid=${of('pid_for_children')}`, ...net]
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes('\n')) break
  }
  return text.split('\n')[0]!
}

function collect(stream: ReadableStream<Uint8Array>): { text: string } {
  const collected = { text: '' }
  const decoder = new TextDecoder()
  void (async () => {
    for await (const chunk of stream) {
      if (collected.text.length < MAX_COMPLAINTS) collected.text += decoder.decode(chunk, { stream: true })
    }
  })()
  return collected
}
