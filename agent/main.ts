import { parseArgs } from 'node:util'
import manifest from '../package.json' with { type: 'json' }
import { systemClock } from '../src/kernel/index.ts'
import { openBus, TransportUrlError } from '../src/platform/bus/index.ts'
import { type Config, ConfigError, loadConfig } from '../src/platform/config/index.ts'
import { type Logger, openLogs } from '../src/platform/log/index.ts'
import { DirectoryInUse, driverChoice, DriverError, type Hosting, type HostingInput, startHosting } from './index.ts'

const USAGE = `Runs the agent of a compute host until SIGTERM or Ctrl-C. Guests run on when it stops.

  bunova-agent [options]

  --config-file FILE          nova.conf; may be repeated, later files win.
                              Default: /etc/nova/nova.conf and /etc/nova/nova-compute.conf
  --compute-driver DRIVER     libvirt (the default) or fake, for simulated hosts
  --state-path DIR            where the node's id and the journal are kept, and the disks of guests
  --log-dir DIR               write nova-compute.log there instead of to standard error
  --debug                     log more
  --version, --help

It needs [DEFAULT] transport_url = redis://… in nova.conf, or OS_DEFAULT__TRANSPORT_URL.`

/** A mistake on the command line, told with the usage. */
class UsageError extends Error {}
/** A mistake of whoever set this up: its text says all there is to know. */
class SetupError extends Error {}

const FIRST_RETRY_S = 1
const LAST_RETRY_S = 30

async function main(): Promise<void> {
  const args = parse(process.argv.slice(2))
  if (args.help) return console.log(USAGE)
  if (args.version) return console.log(`bunova-agent ${manifest.version}`)

  const { config, warnings } = configure(args)
  const { transport_url } = config.DEFAULT
  if (!transport_url) throw new SetupError('[DEFAULT] transport_url is not set: the agent finds the cloud by it')
  const log = openLogs(config.DEFAULT).role('nova-compute')
  for (const warning of warnings) log.warn({}, warning)

  const bus = await openBus({ transport_url, log })
  let hosting: Hosting | undefined
  stopOnSignal(log, async () => {
    await hosting?.stop()
    await bus.close()
  })
  hosting = await startWhenPossible({ config, bus, clock: systemClock, log })
  log.info({}, hosting.says)
  log.info({ version: manifest.version }, `${config.DEFAULT.host} is in service`)
}

type Arguments = ReturnType<typeof parse>

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        'config-file': { type: 'string', multiple: true },
        'compute-driver': { type: 'string' },
        'state-path': { type: 'string' },
        'log-dir': { type: 'string' },
        debug: { type: 'boolean' },
        version: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function configure(args: Arguments): ReturnType<typeof loadConfig> {
  const given: Partial<Config['DEFAULT']> = {
    ...(args['compute-driver'] ? { compute_driver: args['compute-driver'] } : {}),
    ...(args['state-path'] ? { state_path: args['state-path'] } : {}),
    ...(args['log-dir'] ? { log_dir: args['log-dir'] } : {}),
    ...(args.debug ? { debug: true } : {}),
  }
  const load = (more: Partial<Config['DEFAULT']> = {}): ReturnType<typeof loadConfig> =>
    loadConfig({
      ...(args['config-file'] ? { files: args['config-file'] } : {}),
      overrides: { DEFAULT: { ...given, ...more } },
    })
  const loaded = load()
  // A compute host on which libvirt is late must wait for it, not join as a simulated one.
  return choose(loaded.config) === 'auto' ? load({ compute_driver: 'libvirt' }) : loaded
}

function choose(config: Config): ReturnType<typeof driverChoice> {
  try {
    return driverChoice(config.DEFAULT.compute_driver)
  } catch (error) {
    throw new SetupError((error as Error).message)
  }
}

/** At boot libvirt may come up after the agent; and an operator may still be setting it up. */
async function startWhenPossible(input: HostingInput): Promise<Hosting> {
  for (let wait_s = FIRST_RETRY_S; ; wait_s = Math.min(2 * wait_s, LAST_RETRY_S)) {
    try {
      return await startHosting(input)
    } catch (error) {
      if (!(error instanceof DriverError)) throw error
      input.log.warn({ err: error }, `guests cannot run here yet: ${error.message}; next try in ${wait_s} s`)
      await systemClock.sleep(wait_s * 1000)
    }
  }
}

/** The first signal lets running commands end; a second one does not wait for them. */
function stopOnSignal(log: Logger, stop: () => Promise<void>): void {
  let stopping = false
  function onSignal(signal: NodeJS.Signals): void {
    if (stopping) process.exit(130)
    stopping = true
    log.info({}, `${signal}: going out of service`)
    stop().then(
      () => process.exit(0),
      (err) => {
        log.error({ err }, 'could not stop in order')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

main().catch((error: Error) => {
  const known = [SetupError, ConfigError, TransportUrlError, DirectoryInUse].some((kind) => error instanceof kind)
  if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`)
  else console.error(known ? `bunova-agent: ${error.message}` : error)
  process.exit(error instanceof UsageError ? 2 : 1)
})
