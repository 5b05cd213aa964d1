import { lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  findProgram,
  HYPERVISOR,
  installPackages,
  installProblem,
  libvirtProblem,
  libvirtUri,
  missingPackages,
  startPrivateLibvirtd,
} from '../../system/index.ts'
import { type Screen, wrap } from './screen.ts'

export type Hypervisor =
  | {
      readonly kind: 'libvirt'
      readonly socket: string
      /** Path of the network namespace in which its guests are; null is the machine's own. */
      readonly network: string | null
      /** What a person types to see its guests. */
      readonly listCommand: string
      stop(): Promise<void>
    }
  | { readonly kind: 'simulated'; readonly reason: string }

const INSTALL_ADVICE = 'Check that apt-get works, or go on with simulated hosts: bun run quickstart --no-install'
/** Where libvirt clients look, in their order: the modular daemon's socket, then libvirtd's. */
const PUBLIC_SOCKETS = ['/run/libvirt/virtqemud-sock', '/run/libvirt/libvirt-sock']
const PUBLIC_SOCKET = '/run/libvirt/libvirt-sock'

/** Sees to it that libvirt and QEMU are installed. @returns why they are not, or null. */
export async function providePackages(screen: Screen, options: { install: boolean }): Promise<string | null> {
  return screen.stage('packages', INSTALL_ADVICE, async (update) => {
    const unusable = unusableMachine()
    if (unusable) return [`nothing is installed: ${unusable}`, unusable]
    const missing = missingPackages(HYPERVISOR)
    if (missing.length === 0) return ['libvirt and QEMU are installed', null]
    const problem = options.install ? installProblem() : '--no-install was given'
    if (problem !== null) {
      return [`libvirt and QEMU are missing: ${problem}`, `libvirt and QEMU are not installed and ${problem}`]
    }
    screen.say(wrap(`Installing from the distribution, without starting any service: ${missing.join(' ')}`, 2))
    screen.say('')
    await installPackages(missing, (doing, percent) => update(`${doing}, ${percent.toFixed(0)} %`))
    return ['libvirt and QEMU are installed now', null]
  })
}

function unusableMachine(): string | null {
  if (process.getuid?.() !== 0) return 'a real hypervisor needs root'
  return process.arch === 'x64' ? null : `the tiny guest is made for x86, this machine is ${process.arch}`
}

/** Finds the libvirt of this machine, or starts one that ends with us. */
export async function provideHypervisor(screen: Screen, directory: string): Promise<Hypervisor> {
  const advice = `Look into ${directory}/log, or go on with simulated hosts: run it as another user than root`
  return screen.stage<Hypervisor>('hypervisor', advice, async (update) => {
    update('looking for libvirt')
    const socket = await runningLibvirt()
    if (socket !== null) {
      const listCommand = 'virsh -c qemu:///system list'
      return [`the libvirt that runs here, ${socket}`, { kind: 'libvirt', socket, network: null, listCommand, stop: async () => {} }]
    }
    update('starting libvirt')
    const trial = Bun.spawnSync(['unshare', '--mount', '--uts', '--pid', '--fork', findProgram('true') ?? '/bin/true'])
    if (trial.exitCode !== 0) {
      const said = trial.stderr.toString().trim()
      const reason = `no namespaces may be made here (${said}); a container needs --privileged for that`
      return [`simulated: ${reason}`, { kind: 'simulated', reason }]
    }
    const daemon = await startPrivateLibvirtd({ directory, network: 'none' })
    const shown = await show(daemon.socket)
    const listCommand = shown ? 'virsh list' : `virsh -c '${libvirtUri(daemon.socket)}' list`
    const stop = async (): Promise<void> => {
      if (shown) await hide(daemon.socket)
      await daemon.stop()
    }
    const { socket: own, network } = daemon
    return ['a libvirtd and virtlogd of its own', { kind: 'libvirt', socket: own, network, listCommand, stop }]
  })
}

/** The socket of a libvirt that somebody else runs. A link is another quickstart's, which may end before this one. */
async function runningLibvirt(): Promise<string | null> {
  for (const socket of PUBLIC_SOCKETS) {
    if ((await placed(socket)) === 'socket' && (await libvirtProblem(socket)) === null) return socket
  }
  return null
}

async function placed(path: string): Promise<'nothing' | 'link' | 'socket'> {
  return lstat(path).then(
    (stat) => (stat.isSymbolicLink() ? 'link' : 'socket'),
    () => 'nothing',
  )
}

/** Lets a plain `virsh list` find our libvirtd, unless something else is to be found. @returns whether it does. */
async function show(socket: string): Promise<boolean> {
  const there = await placed(PUBLIC_SOCKET)
  if (there === 'socket' || (there === 'link' && (await libvirtProblem(PUBLIC_SOCKET)) === null)) return false
  await mkdir(dirname(PUBLIC_SOCKET), { recursive: true })
  await rm(PUBLIC_SOCKET, { force: true })
  await symlink(socket, PUBLIC_SOCKET)
  return true
}

async function hide(socket: string): Promise<void> {
  if ((await readlink(PUBLIC_SOCKET).catch(() => null)) === socket) await rm(PUBLIC_SOCKET, { force: true })
}
