import { agentTopic } from '../src/contracts/index.ts'
import type { Clock } from '../src/kernel/index.ts'
import type { Bus, Subscription } from '../src/platform/bus/index.ts'
import type { Logger } from '../src/platform/log/index.ts'
import type { Driver } from './drivers/driver.ts'
import type { Journal } from './journal.ts'
import type { Networking } from './network/index.ts'
import type { AgentOptions } from './options.ts'
import type { Pulse } from './pulse.ts'
import { createReporter } from './reporter.ts'
import { requestHandler } from './requests.ts'
import { createRunner } from './runner.ts'

export interface Agent {
  /** Takes no more commands, lets those that run end (at most `DRAIN_S`), says goodbye. Guests run on. */
  stop(): Promise<void>
}

export interface HostInput {
  /** The name under which the control plane knows the host. */
  readonly host: string
  readonly node_id: string
  /** Not opened yet; it is closed with the host. */
  readonly driver: Driver
  /** Null where guests have no network; it ends with the host. */
  readonly networking?: Networking | null
  readonly bus: Bus
  readonly journal: Journal
  readonly pulse: Pulse
  readonly options: AgentOptions
  readonly clock: Clock
  readonly log: Logger
}

/** Requests that a host answers at once; those of one server still take turns. */
const CONCURRENT_REQUESTS = 256
/** How long a stop waits for commands that run; what is not done then is done again when the host is back. */
export const DRAIN_S = 30

/**
 * Puts one host into service. Resolves when it takes commands and has reported itself; when the bus is away, it does so
 * as soon as that is back.
 * @throws {DriverError} when guests cannot run here.
 */
export async function serveHost(input: HostInput): Promise<Agent> {
  const { host, driver, networking = null, bus, pulse, options, clock, log } = input
  const runner = createRunner({
    driver,
    journal: input.journal.host(host),
    max_concurrent_builds: options.max_concurrent_builds,
    clock,
    log,
    onResult: (serverId, powerState) => reporter.note(serverId, powerState),
    onProgress: (command, progress) => void reporter.progress(command, progress),
  })
  const reporter = createReporter({ ...input, undisturbed: runner.undisturbed })

  driver.onPower((guest) => void reporter.powerChanged(guest.server_id))
  const served = await serve()
  await reporter.announce()
  await networking?.start(reporter.ask)
  const leavePulse = pulse.join(() => void reporter.beat())

  async function serve(): Promise<Subscription> {
    try {
      await networking?.restore()
      await driver.open()
      const requests = requestHandler(runner.run, driver, networking)
      const subscription = bus.serve(agentTopic(host), { concurrency: CONCURRENT_REQUESTS }, requests)
      await subscription.ready
      return subscription
    } catch (error) {
      await networking?.stop()
      await driver.close()
      throw error
    }
  }

  async function stop(): Promise<void> {
    leavePulse()
    const done = new AbortController()
    const drained = Promise.all([runner.drain(), served.stop()]).finally(() => done.abort())
    await Promise.race([drained, clock.sleep(DRAIN_S * 1000, done.signal)])
    driver.onPower(() => {})
    await networking?.stop()
    await reporter.goodbye()
    await driver.close()
  }

  return { stop }
}
