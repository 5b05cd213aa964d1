import { mkdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  libvirtUri,
  makeScratchDirectory,
  type PrivateLibvirtd,
  runOrThrow,
  startPrivateLibvirtd,
} from '../../src/system/index.ts'

/** A pseudo-host: a real libvirtd and real QEMU with a host name, processes and ports of their own. */
export interface LibvirtHost {
  readonly name: string
  /** libvirtd's read-write socket. */
  readonly socket: string
  /** Path of the host's network namespace; another one after `powerOn`. */
  readonly network: string
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

const PREFIX = 'bunova-host'

/** Starts a pseudo-host in about half a second. It needs root, and ends with this process whatever happens to it. */
export async function startLibvirtHost(options: { name?: string } = {}): Promise<LibvirtHost> {
  const directory = await makeScratchDirectory('/tmp', PREFIX)
  const name = options.name ?? basename(directory).slice(PREFIX.length + 1).toLowerCase()
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
    get network() {
      return daemon.network
    },
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
