import { join } from 'node:path'
import type { Clock } from '../src/kernel/index.ts'
import type { Bus } from '../src/platform/bus/index.ts'
import type { Config } from '../src/platform/config/index.ts'
import type { Logger } from '../src/platform/log/index.ts'
import type { Driver } from './drivers/driver.ts'
import { createLibvirtDriver } from './drivers/libvirt/index.ts'
import { startFakeHosts } from './fake-hosts.ts'
import { lockDirectory } from './lock.ts'
import { type Networking, openNetworking } from './network/index.ts'
import { readNodeId } from './node-id.ts'
import { agentOptions, driverChoice, fakeTraits, libvirtOptions, networkOptions } from './settings.ts'
import { startAgent } from './start.ts'

export interface HostingInput {
  readonly config: Config
  readonly bus: Bus
  readonly clock: Clock
  /** `nova-compute`. */
  readonly log: Logger
}

export interface Hosting {
  /** How many compute hosts this process runs. */
  readonly hosts: number
  /** One line for a person: which driver was taken, and why. */
  readonly says: string
  stop(): Promise<void>
}

/**
 * Runs the compute hosts that `nova.conf` asks of this machine: itself, by libvirt, or simulated ones. The journal is
 * in `agent` under the state path, the node's id in `compute_id`.
 * @throws {DriverError} when libvirt is asked for and guests cannot run.
 * @throws {DirectoryInUse} when another process runs them.
 */
export async function startHosting(input: HostingInput): Promise<Hosting> {
  const lock = lockDirectory(agentDirectory(input.config))
  try {
    const hosting = await start(input)
    return { ...hosting, stop: () => hosting.stop().finally(lock.release) }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function start(input: HostingInput): Promise<Hosting> {
  const { config, log } = input
  const choice = driverChoice(config.DEFAULT.compute_driver)
  if (choice === 'fake') return simulate(input, 'as configured')
  const { networking, says } = await openNetworking(networkOptions(config), input)
  const nics = networking ? { nics: networking } : {}
  const driver = createLibvirtDriver({ config: libvirtOptions(config), log, ...nics })
  const host = { ...input, driver, networking }
  if (choice === 'libvirt') return runOn(host, `as configured; ${says}`)
  try {
    await driver.open()
  } catch (error) {
    await networking?.stop()
    await driver.close()
    return simulate(input, error instanceof Error ? error.message : String(error))
  }
  return runOn(host, `it can run guests here; ${says}`)
}

type LibvirtHost = HostingInput & { readonly driver: Driver; readonly networking: Networking | null }

async function runOn({ config, ...host }: LibvirtHost, why: string): Promise<Hosting> {
  const agent = await startAgent({
    ...host,
    host: config.DEFAULT.host,
    node_id: readNodeId(config.DEFAULT.state_path),
    directory: agentDirectory(config),
    durable: true,
    options: agentOptions(config),
  })
  return { hosts: 1, says: `compute driver: ${host.driver.name} (${why})`, stop: agent.stop }
}

async function simulate({ config, bus, clock, log }: HostingInput, why: string): Promise<Hosting> {
  const { host } = config.DEFAULT
  const count = config.bunova.fake_hosts
  const hosts = await startFakeHosts({
    count,
    // Their names must differ from those of another machine's.
    name: (number) => (count === 1 ? host : `${host}-${number}`),
    directory: agentDirectory(config),
    options: agentOptions(config),
    driver: { inventory: { traits: fakeTraits(config) } },
    bus,
    clock,
    log,
  })
  const what = count === 1 ? 'one simulated host' : `${count} simulated hosts`
  return { hosts: count, says: `compute driver: fake, ${what} (${why})`, stop: hosts.stop }
}

const agentDirectory = (config: Config): string => join(config.DEFAULT.state_path, 'agent')
