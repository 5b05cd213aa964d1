import { createHash } from 'node:crypto'
import { createFakeDriver, type FakeDriver, type FakeDriverOptions, openFakeGuests } from './drivers/fake/index.ts'
import { type Agent, type HostInput, serveHost } from './host.ts'
import { openJournal } from './journal.ts'
import { startPulse } from './pulse.ts'

export interface FakeHostsInput extends Omit<HostInput, 'host' | 'node_id' | 'driver' | 'journal' | 'pulse'> {
  readonly count: number
  /** What the host with this number is called, from 1; `fake-1` and so on when absent. */
  readonly name?: (number: number) => string
  /** Where their guests and their journal are kept. */
  readonly directory: string
  readonly driver?: Pick<FakeDriverOptions, 'inventory' | 'delays_ms' | 'fault'>
}

export interface FakeHosts extends Agent {
  /** By host name. */
  readonly drivers: ReadonlyMap<string, FakeDriver>
}

/** Moments per interval over which the hosts' heartbeats are spread. */
const PULSE_SLOTS = 50

/** Runs many simulated hosts in this process: each is an agent of its own to the control plane, and costs a few KiB. */
export async function startFakeHosts(input: FakeHostsInput): Promise<FakeHosts> {
  const { count, name = (number) => `fake-${number}`, directory, clock, log, options } = input
  const guests = openFakeGuests(directory)
  const journal = openJournal({ directory, durable: false, log })
  const pulse = startPulse({ clock, interval_s: options.report_interval_s, slots: PULSE_SLOTS })
  const drivers = new Map<string, FakeDriver>()
  const agents: Agent[] = []

  async function stop(): Promise<void> {
    await Promise.all(agents.map((agent) => agent.stop()))
    pulse.stop()
    journal.close()
    guests.close()
  }

  try {
    for (let number = 1; number <= count; number++) {
      const host = name(number)
      const driver = createFakeDriver({ ...input.driver, host, guests, clock })
      drivers.set(host, driver)
      agents.push(await serveHost({ ...input, host, node_id: nodeId(host), driver, journal, pulse }))
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { drivers, stop }
}

/** The same for ever under the same name, without a file per host. */
function nodeId(host: string): string {
  const hex = createHash('sha256').update(`bunova fake host ${host}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
