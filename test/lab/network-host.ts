import { createKnownGuests, createMetadataService, type KnownGuests } from '../../agent/metadata/index.ts'
import { bridgeName, tapName } from '../../agent/network/names.ts'
import { type HostNetwork, openHostNetwork } from '../../agent/network/network.ts'
import type { HostPort, Instance } from '../../src/contracts/index.ts'
import { systemClock } from '../../src/kernel/index.ts'
import { silentLog } from '../../src/platform/log/index.ts'
import { type LabGuest, type NetworkLab, startNetworkLab } from './network-lab.ts'

/** A compute host's network as the agent makes it, on a lab of namespaces; guests are namespaces as well. */
export interface NetworkHost {
  readonly lab: NetworkLab
  readonly network: HostNetwork
  /** What the guests of this host were made from, by server id; tests put them in. */
  readonly instances: Map<string, Instance>
  readonly guests: KnownGuests
  readonly passwords: Map<string, string>
  /** Plugs a guest into its port's bridge, as QEMU's tap would be. */
  plug(port: HostPort): Promise<LabGuest>
  /** The same host after its agent was restarted. */
  reopen(): Promise<HostNetwork>
  stop(): Promise<void>
}

export async function startNetworkHost(options: { public_interface?: string } = {}): Promise<NetworkHost> {
  const lab = await startNetworkLab()
  const scope = crypto.randomUUID().slice(0, 8)
  const instances = new Map<string, Instance>()
  const passwords = new Map<string, string>()
  const guests = createKnownGuests({
    kept: async (id) => instances.get(id) ?? null,
    // It plays the control plane: the first password counts.
    ask: {
      wanted: async (id) => tell(id),
      async password(id, password) {
        if (!passwords.has(id)) passwords.set(id, password)
        tell(id)
      },
    },
    clock: systemClock,
  })
  function tell(server_id: string): void {
    const instance = instances.get(server_id)
    if (!instance) return
    const { name, hostname, availability_zone, metadata, security_groups, vifs } = instance
    const password = passwords.get(server_id) ?? ''
    guests.take({ server_id, name, hostname, availability_zone, metadata, security_groups, vifs, password })
  }
  const documents = { dhcp_domain: 'novalocal', vendor_data: { site: 'lab' } }
  const services = createMetadataService({ guests, documents, clock: systemClock, log: silentLog })
  const open = (): Promise<HostNetwork> =>
    openHostNetwork({
      scope,
      namespace: lab.namespace,
      directory: `${lab.directory}/networks`,
      public_interface: options.public_interface ?? null,
      dhcp: { dhcp_domain: 'novalocal', dhcp_lease_time_s: 600 },
      services,
      log: silentLog,
    })
  let network = await open()
  return {
    lab,
    get network() {
      return network
    },
    instances,
    guests,
    passwords,
    async plug(port) {
      const guest = await lab.guest(port)
      await lab.host('ip', 'link', 'set', tapName(port.id), 'master', bridgeName(port.network_id))
      return guest
    },
    async reopen() {
      network = await open()
      await network.repair()
      return network
    },
    async stop() {
      await services.close()
      await lab.unplugAll()
      await network.leave()
      await lab.remove()
    },
  }
}
