/** Runs one verb of the libvirt driver in a process of its own, which a test may end at any moment. */
import { createLibvirtDriver, type LibvirtDriverOptions } from '../../agent/drivers/libvirt/index.ts'
import { labNics } from './libvirt-driver.ts'
import { quietLog } from './quiet-log.ts'

const NEVER = new AbortController().signal

/** `NEVER` and `IGNORE` stand for what has no form in JSON. */
const argument = (value: unknown): unknown => (value === 'NEVER' ? NEVER : value === 'IGNORE' ? () => {} : value)

const { config, verb, args } = (await Bun.stdin.json()) as { config: LibvirtDriverOptions; verb: string; args: unknown[] }
const driver = createLibvirtDriver({ config, log: quietLog, nics: labNics })
await driver.open()
const method = (driver as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[verb]!
await method(...args.map(argument))
await driver.close()
process.exit(0)
