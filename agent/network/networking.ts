import { type GuestFacts, type HostNetworks, networksDigest, type Vif } from '../../src/contracts/index.ts'
import type { Clock } from '../../src/kernel/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { DriverError } from '../drivers/driver.ts'
import type { Nics } from '../drivers/libvirt/index.ts'
import type { GuestQuestions, KnownGuests } from '../metadata/index.ts'
import { bridgeName, tapName } from './names.ts'
import type { HostNetwork } from './network.ts'

/** A host's network as the agent sees it: told by the control plane, waited for by those who start guests. */
export interface Networking extends Nics {
  /** Brings back what was there before this process, or the machine, was restarted. */
  restore(): Promise<void>
  /** Asks for what has to be so now; and again now and then. */
  start(ask: NetworkQuestions): Promise<void>
  /** This is how it has to be. Resolves when it is. */
  take(networks: HostNetworks): Promise<void>
  /** What a guest may know about itself, for the metadata service. */
  takeGuest(facts: GuestFacts): void
  /**
   * Resolves when the network is ready for a guest's port: its bridge is there, and the rules for it hold.
   * @throws {DriverError} `unavailable` when that does not come about, and why.
   */
  plug(serverId: string, vif: Vif): Promise<{ readonly bridge: string; readonly tap: string }>
  stop(): Promise<void>
}

/** What a host asks the control plane; the answers come by `take` and `takeGuest`. */
export interface NetworkQuestions extends GuestQuestions {
  /** @param holds digest of what it holds to be so. */
  networks(holds: string | undefined): Promise<void>
}

export interface NetworkingOptions {
  readonly network: HostNetwork
  readonly guests: KnownGuests
  /** The services in the networks' namespaces; they end with it. */
  readonly services: { close(): Promise<void> }
  readonly clock: Clock
  readonly log: Logger
}

const ASK_INTERVAL_MS = 20_000
/** Every so many times that it asks, it also looks whether all is still as it made it. */
const REPAIR_EVERY = 3
const ASK_AGAIN_MS = 1_000
const READY_DEADLINE_MS = 60_000

export function createNetworking({ network, guests, services, clock, log }: NetworkingOptions): Networking {
  const stopped = new AbortController()
  let ask: (holds: string | undefined) => Promise<void> = async () => {}
  /** Those who wait for a state that has their ports. */
  let changed = Promise.withResolvers<void>()

  async function askNow(): Promise<void> {
    const state = network.state()
    await ask(state ? networksDigest(state) : undefined).catch((err: unknown) =>
      log.debug({ err }, 'the network could not be asked for; it will be again'),
    )
  }

  async function repair(): Promise<void> {
    await network.repair().catch((err: unknown) => log.error({ err }, 'the network of this host could not be checked'))
  }

  async function run(): Promise<void> {
    for (let turn = 1; ; turn++) {
      await clock.sleep(ASK_INTERVAL_MS, stopped.signal)
      if (stopped.signal.aborted) return
      if (turn % REPAIR_EVERY === 0) await repair()
      await askNow()
    }
  }

  function lacking({ port_id, network_id }: Vif): string | null {
    const known = network.state()?.ports.some(({ id }) => id === port_id) ?? false
    return known ? network.problem(network_id) : `the control plane has not told of port ${port_id}`
  }

  async function ready(vif: Vif): Promise<void> {
    const deadline = clock.now() + READY_DEADLINE_MS
    for (;;) {
      const next = changed.promise
      // What is being made may not be there yet.
      await network.settled()
      const lacks = lacking(vif)
      if (lacks === null) return
      if (clock.now() > deadline || stopped.signal.aborted) {
        throw new DriverError('The network of the host is not ready.', { kind: 'unavailable', cause: new Error(lacks) })
      }
      await askNow()
      const wait = new AbortController()
      await Promise.race([next, clock.sleep(ASK_AGAIN_MS, wait.signal)])
      wait.abort()
    }
  }

  return {
    restore: repair,

    async start(askControlPlane) {
      ask = askControlPlane.networks
      await askNow()
      void run()
    },

    async take(networks) {
      await network.take(networks)
      changed.resolve()
      changed = Promise.withResolvers<void>()
    },

    takeGuest: guests.take,

    async plug(_serverId, vif) {
      await ready(vif)
      return { bridge: bridgeName(vif.network_id), tap: tapName(vif.port_id) }
    },

    tapOf: tapName,

    async stop() {
      stopped.abort()
      await services.close()
      await network.leave().catch((err: unknown) => log.error({ err }, 'the network of this host could not be taken down'))
    },
  }
}
