import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './command.ts'
import { startNamespace, type Namespace } from './namespace.ts'

/**
 * A libvirtd of our own, beside any other on the machine. As root, libvirt's directories are compiled in; so it runs
 * in namespaces in which they are private, as on a host that has nothing else.
 */
export interface PrivateLibvirtd {
  /** The read-write socket, reachable from outside the namespaces. */
  readonly socket: string
  /** Path of the network namespace in which it and its guests are. */
  readonly network: string
  /** Runs a command as a process of this host sees it. @returns its standard output. */
  exec(command: string[]): Promise<string>
  /** Ends libvirtd alone; its guests live on. */
  stopDaemon(): Promise<void>
  startDaemon(): Promise<void>
  /** Ends every process of this host at once, guests included, as a power failure does. */
  stop(): Promise<void>
}

export interface PrivateLibvirtdOptions {
  /** Where its configuration, logs and sockets are kept; short, for a unix socket's path has at most 107 bytes. */
  readonly directory: string
  /** A host name of its own; without one it has the machine's. */
  readonly hostname?: string
  /** `none` leaves it a loopback interface of its own only, so ports clash with nobody's. */
  readonly network: 'machine' | 'none'
}

const READY_DEADLINE_MS = 30_000
const STOP_DEADLINE_MS = 10_000
const POLL_MS = 25

/** @throws {Error} when it does not answer in time or may not make namespaces; the reason is in the message. */
export async function startPrivateLibvirtd(options: PrivateLibvirtdOptions): Promise<PrivateLibvirtd> {
  const { directory } = options
  await writeHost(options)
  const namespace = await startNamespace({
    network: options.network,
    ...(options.hostname ? { hostname: options.hostname } : {}),
    binds: binds(options),
    masks: ['/run/dbus', '/run/systemd'],
    command: START_DAEMONS,
  })
  const socket = join(directory, 'run/libvirt-sock')
  const host: PrivateLibvirtd = {
    socket,
    network: namespace.network,
    exec: (command) => namespace.exec(command),
    stopDaemon: () => stopDaemon(namespace),
    startDaemon: async () => {
      await namespace.exec(['/bin/sh', '-ec', START_LIBVIRTD])
      await answering(socket, namespace, directory)
    },
    stop: () => namespace.stop(),
  }
  try {
    await answering(socket, namespace, directory)
    return host
  } catch (error) {
    await namespace.stop()
    throw error
  }
}

/** The address of the libvirtd that listens on this socket, in libvirt's form. */
export function libvirtUri(socket: string): string {
  return `qemu+unix:///system?socket=${socket}`
}

/** Why no hypervisor answers at this socket, or null when one does. */
export async function libvirtProblem(socket: string): Promise<string | null> {
  const result = await run(['virsh', '-q', '-c', libvirtUri(socket), 'version'], { timeout_s: 30 })
  return result.exitCode === 0 ? null : result.stderr.trim().split('\n')[0] || 'virsh ended with an error'
}

const START_LIBVIRTD = `
rm -f /run/libvirt/libvirtd.pid
libvirtd -d -p /run/libvirt/libvirtd.pid -f /etc/libvirt/libvirtd.conf`
const START_DAEMONS = `
PATH=$PATH:/usr/sbin:/sbin
virtlogd -d -p /run/libvirt/virtlogd.pid -f /etc/libvirt/virtlogd.conf
${START_LIBVIRTD}`

/** The directories libvirt was compiled with, and the folder that stands for each. */
const DIRECTORIES = {
  etc: '/etc/libvirt',
  lib: '/var/lib/libvirt',
  cache: '/var/cache/libvirt',
  log: '/var/log/libvirt',
  run: '/run/libvirt',
}

function binds({ directory, hostname }: PrivateLibvirtdOptions): [string, string][] {
  const names = ['passwd', 'group', ...(hostname && existsSync('/etc/hosts') ? ['hosts'] : [])]
  const files = names.map((name) => [name, `/etc/${name}`] as const)
  return [...Object.entries(DIRECTORIES), ...files].map(([name, target]) => [join(directory, name), target])
}

async function writeHost({ directory, hostname }: PrivateLibvirtdOptions): Promise<void> {
  for (const name of Object.keys(DIRECTORIES)) await mkdir(join(directory, name), { recursive: true, mode: 0o755 })
  await rm(join(directory, 'run'), { recursive: true, force: true })
  await mkdir(join(directory, 'run'), { mode: 0o755 })
  const write = (name: string, text: string): Promise<number> => Bun.write(join(directory, name), text)
  await write('etc/libvirtd.conf', libvirtdConf(crypto.randomUUID()))
  await write('etc/qemu.conf', QEMU_CONF)
  await write('etc/virtlogd.conf', '')
  await write('etc/libvirt.conf', '')
  await write('passwd', await withUser())
  await write('group', await withGroups())
  // An unanswered look-up of its own name costs libvirtd ten seconds a call.
  if (hostname) await write('hosts', `127.0.0.1 localhost\n127.0.1.1 ${hostname}\n`)
}

const libvirtdConf = (uuid: string): string => `host_uuid = "${uuid}"
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
unix_sock_rw_perms = "0700"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
`
const QEMU_CONF = `user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
`

/**
 * libvirt's QEMU driver does not start unless the user and groups it was compiled with exist, whatever qemu.conf says,
 * and they come with a package (libvirt-daemon-system) that starts services.
 */
async function withUser(): Promise<string> {
  const passwd = await Bun.file('/etc/passwd').text()
  if (/^libvirt-qemu:/m.test(passwd)) return passwd
  return `${passwd}libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n`
}

async function withGroups(): Promise<string> {
  const group = await Bun.file('/etc/group').text()
  const missing = [
    ['libvirt-qemu', 64055],
    ['kvm', 64056],
  ].filter(([name]) => !new RegExp(`^${name}:`, 'm').test(group))
  return group + missing.map(([name, gid]) => `${name}:x:${gid}:\n`).join('')
}

async function answering(socket: string, namespace: Namespace, directory: string): Promise<void> {
  const deadline = Date.now() + READY_DEADLINE_MS
  let problem: string | null = 'it was not asked yet'
  while (problem !== null) {
    if (Date.now() > deadline || !namespace.running()) throw await notAnswering(problem, namespace, directory)
    await Bun.sleep(POLL_MS)
    problem = await libvirtProblem(socket)
  }
}

async function notAnswering(problem: string, namespace: Namespace, directory: string): Promise<Error> {
  const log = await Bun.file(join(directory, 'log/libvirtd.log'))
    .text()
    .catch(() => '')
  const said = [problem, namespace.complaints(), log.trim().split('\n').slice(-3).join('\n')]
  return new Error(`libvirtd does not answer: ${said.filter(Boolean).join('\n')}`)
}

async function stopDaemon(namespace: Namespace): Promise<void> {
  const pid = (await namespace.exec(['cat', '/run/libvirt/libvirtd.pid'])).trim()
  await namespace.exec(['/bin/sh', '-c', `kill ${pid}`])
  const deadline = Date.now() + STOP_DEADLINE_MS
  while (await namespace.exec(['test', '-d', `/proc/${pid}`]).then(() => true, () => false)) {
    if (Date.now() > deadline) throw new Error('libvirtd did not stop')
    await Bun.sleep(POLL_MS)
  }
}
