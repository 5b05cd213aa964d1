import { agentTopic, HOST_NETWORKS_CHANGED, type HostNetworks, hostNetworksChanged, networksDigest } from '../contracts/index.ts'
import type { Bus, Json, Subscription } from '../platform/bus/index.ts'
import type { Logger } from '../platform/log/index.ts'

export interface HostNetworksOptions {
  readonly bus: Bus
  readonly networks: { hostNetworks(host: string): Promise<HostNetworks> }
  readonly log: Logger
}

/** Tells hosts how their network has to be, from what Postgres says. */
export interface HostNetworkTeller {
  /** Sends the host its state unless that is what it `holds`. Never throws: a host that hears nothing asks again. */
  tell(host: string, holds?: string): Promise<void>
  listen(): Subscription
}

const CONCURRENCY = 8
const ANSWER_DEADLINE_S = 30

export function createHostNetworkTeller({ bus, networks, log }: HostNetworksOptions): HostNetworkTeller {
  /** Hosts that are being told; true when something changed meanwhile. */
  const telling = new Map<string, boolean>()

  async function tell(host: string, holds?: string): Promise<void> {
    if (telling.has(host)) return void telling.set(host, true)
    telling.set(host, false)
    try {
      do {
        telling.set(host, false)
        await send(host, holds)
      } while (telling.get(host))
    } catch (error) {
      log.debug({ err: error, host }, 'a host could not be told of its network; it will ask')
    } finally {
      telling.delete(host)
    }
  }

  async function send(host: string, holds: string | undefined): Promise<void> {
    const state = await networks.hostNetworks(host)
    if (holds === networksDigest(state)) return
    await bus.call(agentTopic(host), { push: 'networks', networks: state } as Json, { deadline_s: ANSWER_DEADLINE_S })
  }

  return {
    tell,
    listen: () =>
      bus.consume(HOST_NETWORKS_CHANGED, { group: 'conductor', concurrency: CONCURRENCY }, async (message) => {
        const { hosts } = hostNetworksChanged.parse(message)
        await Promise.all(hosts.map((host) => tell(host)))
      }),
  }
}
