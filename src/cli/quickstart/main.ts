import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Cloud, startCloud } from '../../compose.ts'
import { makeTinyImage } from '../../guest-image/index.ts'
import { findProgram, libvirtUri, makeScratchDirectory } from '../../system/index.ts'
import { type CloudClient, connect } from '../client.ts'
import { type Credentials, fromVariables, readOpenrc } from '../credentials.ts'
import { type Hypervisor, provideHypervisor, providePackages } from './hypervisor.ts'
import { type Address, parseOptions, type QuickstartOptions, USAGE } from './options.ts'
import { createScreen, StageFailure, wrap } from './screen.ts'
import { bootServer, consoleLines, createFlavorAndKeypair, deleteServers, NAMES, uploadImage } from './tour.ts'

const DEFAULT_LISTEN: Address = { host: '127.0.0.1', port: 8774 }
const FAKE_HOSTS = 3
const INTERRUPTED = 130

const screen = createScreen(process.stdout)
const stopping = new AbortController()
/** What takes back each thing that was made, the last one first. */
const undo: (() => Promise<unknown>)[] = []

process.exitCode = await main()

async function main(): Promise<number> {
  const options = readOptions()
  if (typeof options === 'number') return options
  let signals = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (++signals > 1) process.exit(INTERRUPTED)
      screen.say('\nStopping. Once more ends this at once and leaves things behind.\n')
      stopping.abort(new Error('stopped'))
    })
  }
  let exitCode = 0
  try {
    await tour(options)
    await new Promise((done) => stopping.signal.addEventListener('abort', done, { once: true }))
  } catch (error) {
    exitCode = stopping.signal.aborted ? INTERRUPTED : 1
    if (!stopping.signal.aborted) explain(error)
  }
  return (await cleanUp()) ? exitCode : 1
}

function readOptions(): QuickstartOptions | number {
  try {
    const options = parseOptions(Bun.argv.slice(2))
    if (options) return options
    console.log(USAGE)
    return 0
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
}

async function tour(options: QuickstartOptions): Promise<void> {
  screen.say('Bunova: a cloud on this machine and a first server in it. Ctrl-C ends it.\n')
  const { signal } = stopping
  const statePath = await makeStatePath(options)
  const logs = join(statePath, 'log')
  const hypervisor = await provide(options, statePath)
  signal.throwIfAborted()

  const imageAdvice = 'This is a mistake in Bunova: please report it'
  const bytes = await screen.stage('image', imageAdvice, async () => {
    const image = makeTinyImage()
    return [`a bootable disk of ${image.length / 1024} KiB, made here`, image]
  })
  const cloud = await start(options, statePath, hypervisor)
  signal.throwIfAborted()
  const client = await connect(await adminOf(statePath), signal)
  if (!options.keep) undo.push(() => withoutSignal(statePath, deleteServers))

  const stages = { screen, client, logs, signal }
  const imageId = await uploadImage(stages, bytes)
  const [flavorId, key] = await createFlavorAndKeypair(stages)
  if (key) await writeKey(join(statePath, `${NAMES.keypair}.pem`), key)
  const serverId = await bootServer(stages, imageId, flavorId)
  show(await consoleLines(stages, serverId), cloud, hypervisor, options)
}

/** A client whose requests the stop signal does not end: it is for the clean-up. */
async function withoutSignal(statePath: string, work: (client: CloudClient) => Promise<void>): Promise<void> {
  await work(await connect(await adminOf(statePath), new AbortController().signal))
}

/** Whom the cloud has written into its openrc. */
async function adminOf(statePath: string): Promise<Credentials> {
  return fromVariables(readOpenrc(await Bun.file(join(statePath, 'openrc')).text()))
}

async function makeStatePath({ statePath, keep }: QuickstartOptions): Promise<string> {
  if (statePath !== null) {
    await mkdir(statePath, { recursive: true })
    return resolve(statePath)
  }
  const directory = keep ? await mkdtemp('/var/tmp/bunova-kept-') : await makeScratchDirectory('/var/tmp', 'bunova')
  // The database server and QEMU may run as users of their own; what is secret has its own mode.
  await chmod(directory, 0o755)
  if (!keep) undo.push(() => rm(directory, { recursive: true, force: true }))
  return directory
}

async function provide(options: QuickstartOptions, statePath: string): Promise<Hypervisor> {
  const missing = await providePackages(screen, options)
  stopping.signal.throwIfAborted()
  if (missing !== null) return { kind: 'simulated', reason: missing }
  const hypervisor = await provideHypervisor(screen, join(statePath, 'libvirt'))
  if (hypervisor.kind === 'libvirt') undo.push(() => hypervisor.stop())
  return hypervisor
}

async function start(options: QuickstartOptions, statePath: string, hypervisor: Hypervisor): Promise<Cloud> {
  const logs = join(statePath, 'log')
  const advice = `Run it again with --keep and look into the log files in ${logs}`
  return screen.stage('cloud', advice, async (update) => {
    update('starting')
    const configFile = join(statePath, 'quickstart.conf')
    await mkdir(logs, { recursive: true })
    await Bun.write(configFile, configuration(logs, hypervisor))
    const cloud = await startCloud({
      config_files: [configFile],
      state_path: statePath,
      listen: options.listen ?? freeAddress(),
      compute_driver: hypervisor.kind === 'libvirt' ? 'libvirt' : 'fake',
      fake_hosts: FAKE_HOSTS,
      say: update,
    })
    undo.push(() => cloud.stop())
    const hosts = hypervisor.kind === 'libvirt' ? 'on libvirt and QEMU' : `on ${FAKE_HOSTS} simulated hosts`
    return [`${cloud.url}, ${hosts}`, cloud]
  })
}

function configuration(logs: string, hypervisor: Hypervisor): string {
  const general = `[DEFAULT]\nlog_dir = ${logs}\n`
  if (hypervisor.kind === 'simulated') return general
  const network = hypervisor.network === null ? '' : `[bunova]\nnetwork_namespace = ${hypervisor.network}\n`
  return `${general}[libvirt]\nconnection_uri = ${libvirtUri(hypervisor.socket)}\n${network}`
}

/** The usual address, or a free port where another program has that one. */
function freeAddress(): Address {
  try {
    Bun.listen({ hostname: DEFAULT_LISTEN.host, port: DEFAULT_LISTEN.port, socket: { data: () => {} } }).stop(true)
    return DEFAULT_LISTEN
  } catch {
    return { ...DEFAULT_LISTEN, port: 0 }
  }
}

async function writeKey(path: string, key: string): Promise<void> {
  await Bun.write(path, key, { mode: 0o600 })
  await chmod(path, 0o600)
}

function show(lines: string[], cloud: Cloud, hypervisor: Hypervisor, options: QuickstartOptions): void {
  const { say } = screen
  say('\nThe first lines of its console:\n')
  for (const line of lines) say(`    ${line}`)
  if (hypervisor.kind === 'simulated') say(`\n${wrap(`The hosts are simulated: ${hypervisor.reason}.`, 0)}`)
  say('\nTry next, in another terminal:\n')
  if (findProgram('openstack') === null) say('    apt-get install python3-openstackclient')
  say(`    . ${join(cloud.statePath, 'openrc')}
    openstack server list
    openstack console log show ${NAMES.server}
    openstack console url show --novnc ${NAMES.server}
    openstack server create --image ${NAMES.image} --flavor ${NAMES.flavor} --wait second
    openstack server stop ${NAMES.server}
    openstack server event list ${NAMES.server}`)
  if (hypervisor.kind === 'libvirt') say(`    ${hypervisor.listCommand}`)
  const kept = options.keep || options.statePath !== null
  say(`\n${wrap(`Ctrl-C ends it all and ${kept ? `keeps ${cloud.statePath}` : `removes ${cloud.statePath}`}.`, 0)}`)
}

function explain(error: unknown): void {
  if (!(error instanceof StageFailure)) {
    screen.say(`\nFailed: ${error instanceof Error ? error.message : String(error)}\n`)
    return
  }
  screen.say(`\nThe stage "${error.stage}" failed:\n${wrap(error.message, 2)}`)
  screen.say(`\nWhat to do:\n${wrap(error.advice, 2)}\n`)
}

/** @returns false when something could not be taken back; it says what. */
async function cleanUp(): Promise<boolean> {
  const problems: string[] = []
  const advice = 'See the message above'
  await screen.stage('clean-up', advice, async (update) => {
    update('ending servers, cloud and hypervisor')
    for (const step of undo.toReversed()) await step().catch((error: Error) => problems.push(error.message))
    return [problems.length === 0 ? 'everything is taken back' : 'not everything could be taken back', null]
  })
  for (const problem of problems) screen.say(wrap(problem, 2))
  return problems.length === 0
}
