import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { libvirtUri, type PrivateLibvirtd, runOrThrow, startPrivateLibvirtd } from '../../src/system/index.ts'

/** A pseudo-host: a real libvirtd and real QEMU with a host name, processes and ports of their own. */
export interface LibvirtHost {
  readonly name: string
  /** libvirtd's read-write socket. */
  readonly socket: string
  /** For the guests' disks: the same path on the host and in the test. */
  readonly instancesDir: string
  /** Runs a command on the host. @returns its standard output. */
  exec(command: string[]): Promise<string>
  /** Asks the host's libvirtd, for instance `virsh('list', '--name')`. @returns standard output, trimmed. */
  virsh(...args: string[]): Promise<string>
  /** Ends libvirtd alone; the guests live on, and `startDaemon` finds them again. */
  stopDaemon(): Promise<void>
  startDaemon(): Promise<void>
  /** Ends every process of the host at once; its disks and definitions stay for `powerOn`. */
  killPower(): Promise<void>
  powerOn(): Promise<void>
  /** Ends the host and removes all that it left. */
  stop(): Promise<void>
}

const PREFIX = 'bunova-host-'

/** Starts a pseudo-host in about half a second. It needs root, and ends with this process whatever happens to it. */
export async function startLibvirtHost(options: { name?: string } = {}): Promise<LibvirtHost> {
  await sweep()
  const directory = await mkdtemp(`/tmp/${PREFIX}${process.pid}-`)
  const name = options.name ?? directory.slice(`/tmp/${PREFIX}`.length).toLowerCase()
  const instancesDir = join(directory, 'instances')
  await mkdir(instancesDir)
  const powerOn = (): Promise<PrivateLibvirtd> => startPrivateLibvirtd({ directory, hostname: name, network: 'none' })
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true })
  let daemon = await powerOn().catch(async (error: unknown) => {
    await remove()
    throw error
  })
  return {
    name,
    instancesDir,
    socket: daemon.socket,
    exec: (command) => daemon.exec(command),
    virsh: async (...args) => (await runOrThrow(['virsh', '-q', '-c', libvirtUri(daemon.socket), ...args])).trim(),
    stopDaemon: () => daemon.stopDaemon(),
    startDaemon: () => daemon.startDaemon(),
    killPower: () => daemon.stop(),
    powerOn: async () => {
      daemon = await powerOn()
    },
    stop: async () => {
      await daemon.stop()
      await remove()
    },
  }
}

/** Removes what hosts left whose test was killed. */
async function sweep(): Promise<void> {
  for (const entry of await readdir('/tmp')) {
    const pid = entry.startsWith(PREFIX) ? /^\d+/.exec(entry.slice(PREFIX.length))?.[0] : undefined
    if (pid && !isAlive(Number(pid))) await rm(join('/tmp', entry), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
