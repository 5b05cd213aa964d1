import { parseArgs } from 'node:util'
import { type Cloud, type Role, ROLES, startCloud } from './compose.ts'
import { ConfigError, renderOptionHelp } from './platform/config/index.ts'
import { StatePathInUse } from './state/index.ts'

const USAGE = `Runs the cloud, or some of its roles, until Ctrl-C.

  bun run start [api|scheduler|conductor|compute …] [options]

Without a role all four run in this process, with a database of their own. Roles that run apart
need [DEFAULT] transport_url and [database] connection in nova.conf.

  --config-file FILE          nova.conf; may be repeated, later files win.
                              Default: /etc/nova/nova.conf and /etc/nova/nova-compute.conf
  --state-path DIR            what must outlive a restart.
                              Default: /var/lib/nova as root, else $XDG_STATE_HOME/bunova
  --listen ADDR:PORT          where the APIs are served, default 127.0.0.1:8774; port 0 takes a free one
  --compute-driver DRIVER     auto, libvirt or fake; auto is libvirt where it works
  --fake-hosts N              simulated hosts of the fake driver, default 1
  --log-dir DIR               one log file per role in DIR instead of standard error
  --debug                     log more
  --help                      this text; --help options lists what nova.conf may say

The state path has openrc and clouds.yaml for clients: . DIR/openrc && openstack server list`

/** A mistake on the command line, told with the usage. */
class UsageError extends Error {}

async function main(): Promise<void> {
  const startedAt = performance.now()
  const { values, positionals } = parse(process.argv.slice(2))
  if (values.help) return void console.log(positionals[0] === 'options' ? renderOptionHelp() : USAGE)

  const cloud = await startCloud({
    roles: positionals.map(role),
    say: (line) => console.log(line),
    ...(values['config-file'] ? { config_files: values['config-file'] } : {}),
    ...(values['state-path'] ? { state_path: values['state-path'] } : {}),
    ...(values.listen ? { listen: address(values.listen) } : {}),
    ...(values['compute-driver'] ? { compute_driver: driver(values['compute-driver']) } : {}),
    ...(values['fake-hosts'] ? { fake_hosts: count(values['fake-hosts']) } : {}),
    ...(values['log-dir'] ? { log_dir: values['log-dir'] } : {}),
    ...(values.debug ? { debug: true } : {}),
  })
  stopOnSignal(cloud)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  if (cloud.url) console.log(`clients: . ${cloud.statePath}/openrc`)
  console.log(`ready ${cloud.url ?? positionals.join(' ')} (${seconds} s)`)
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        'config-file': { type: 'string', multiple: true },
        'state-path': { type: 'string' },
        listen: { type: 'string' },
        'compute-driver': { type: 'string' },
        'fake-hosts': { type: 'string' },
        'log-dir': { type: 'string' },
        debug: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function role(word: string): Role {
  const found = ROLES.find((known) => known === word.replace(/^nova-/, ''))
  if (!found) throw new UsageError(`${word} is not a role; roles are ${ROLES.join(', ')}`)
  return found
}

function address(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:]+)\]|([\w.-]*)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535) throw new UsageError(`--listen ${text}: expected ADDRESS:PORT, as in 127.0.0.1:8774`)
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port }
}

function driver(name: string): 'auto' | 'libvirt' | 'fake' {
  if (name === 'auto' || name === 'libvirt' || name === 'fake') return name
  throw new UsageError(`--compute-driver ${name}: expected auto, libvirt or fake`)
}

function count(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0 && number <= 100_000) return number
  throw new UsageError(`--fake-hosts ${text}: expected a number from 1 to 100000`)
}

/** The first signal lets everything end in order; a second one does not wait. */
function stopOnSignal(cloud: Cloud): void {
  let stopping = false
  const stop = (): void => {
    if (stopping) process.exit(130)
    stopping = true
    cloud.stop().then(
      () => process.exit(0),
      (error) => {
        console.error(`stopping failed: ${(error as Error).message}`)
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

main().catch((error: Error) => {
  if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`)
  else if (error instanceof ConfigError || error instanceof StatePathInUse) console.error(error.message)
  else console.error(`could not start: ${error.message}`)
  process.exit(error instanceof UsageError ? 2 : 1)
})
