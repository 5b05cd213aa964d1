import { parseArgs } from 'node:util'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface QuickstartOptions {
  /** Where the cloud keeps all it has; null makes a directory for this run alone. */
  readonly statePath: string | null
  /** Null for 127.0.0.1:8774, or a free port where that one is taken. */
  readonly listen: Address | null
  /** May packages be installed? */
  readonly install: boolean
  /** Leave the state path in place at the end. */
  readonly keep: boolean
}

export const USAGE = `Starts a whole cloud on this machine and boots a first server in it.

  bun run quickstart [--state-path DIR] [--listen ADDR:PORT] [--no-install] [--keep]

  --state-path DIR    keep the cloud in DIR, so that it can be used again. Without it, each run has
                      a new directory under /var/tmp, which is removed at the end.
  --listen ADDR:PORT  default 127.0.0.1:8774, or a free port where that one is taken
  --no-install        install no packages; without libvirt and QEMU the cloud has simulated hosts
  --keep              remove nothing at the end
  --help              this text

As root on Debian or Ubuntu it installs libvirt and QEMU where they are missing, and says so first.
As another user the cloud has simulated hosts. Ctrl-C ends it.`

/** @throws {TypeError} that names the option at fault. @returns null when help was asked for. */
export function parseOptions(args: string[]): QuickstartOptions | null {
  const { values } = parseArgs({
    args,
    strict: true,
    allowPositionals: false,
    options: {
      'state-path': { type: 'string' },
      listen: { type: 'string' },
      'no-install': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  return {
    statePath: values['state-path'] ?? null,
    listen: values.listen === undefined ? null : parseAddress(values.listen),
    install: !values['no-install'],
    keep: values.keep,
  }
}

function parseAddress(text: string): Address {
  const [, address, name, port] = /^(?:\[([0-9a-f:]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = address ?? name
  if (host && Number(port) <= 65535) return { host, port: Number(port) }
  throw new TypeError(`--listen ${text}: expected ADDRESS:PORT, for example 127.0.0.1:8774`)
}
