import type { Clock } from '../../src/kernel/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { createKnownGuests, createMetadataService, type GuestQuestions, readKeptInstance } from '../metadata/index.ts'
import { provideBridgeFilter } from './bridge-filter.ts'
import { openHostNetwork } from './network.ts'
import { createNetworking, type Networking } from './networking.ts'
import { scopeOf } from './names.ts'

/** What `nova.conf` says of a host's network; the names are those of the options. */
export interface NetworkOptions {
  readonly host: string
  readonly state_path: string
  readonly networks_path: string
  readonly instances_path: string
  readonly public_interface: string | null
  readonly dhcp_domain: string
  readonly vendor_data: Readonly<Record<string, unknown>>
  readonly dhcp_lease_time_s: number
  readonly host_networking: 'auto' | 'bridge' | 'none'
  readonly network_namespace: string | null
}

const PROGRAMS = ['ip', 'nft', 'dnsmasq', 'nsenter'] as const
const PLACES = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`

/** Guests are to have a network here, and cannot. */
export class NetworkingImpossible extends Error {
  override readonly name = 'NetworkingImpossible'
}

/**
 * Takes over this host's network, where it is to be and can be made.
 * @returns null and why, where guests go without. @throws {NetworkingImpossible} where it must be made and cannot.
 */
export async function openNetworking(
  options: NetworkOptions,
  { clock, log }: { clock: Clock; log: Logger },
): Promise<{ networking: Networking | null; says: string }> {
  if (options.host_networking === 'none') return { networking: null, says: 'guests have no network card (as configured)' }
  const problem = whyNot()
  if (problem !== null) {
    if (options.host_networking === 'bridge') throw new NetworkingImpossible(`[bunova] host_networking = bridge: ${problem}`)
    return { networking: null, says: `guests have no network card (${problem})` }
  }
  // The one who asks comes later, when this host is in service.
  const asking: { by: GuestQuestions } = { by: { wanted: async () => {}, password: async () => {} } }
  const guests = createKnownGuests({
    kept: (serverId) => readKeptInstance(options.instances_path, serverId),
    ask: {
      wanted: (serverId) => asking.by.wanted(serverId),
      password: (serverId, password) => asking.by.password(serverId, password),
    },
    clock,
  })
  const { dhcp_domain, vendor_data } = options
  const services = createMetadataService({ guests, documents: { dhcp_domain, vendor_data }, clock, log })
  const network = await openHostNetwork({
    services,
    scope: scopeOf(options.host, options.state_path),
    namespace: options.network_namespace,
    directory: options.networks_path,
    public_interface: options.public_interface,
    dhcp: { dhcp_domain, dhcp_lease_time_s: options.dhcp_lease_time_s },
    log,
  })
  const way = options.public_interface === null ? 'nothing leaves the host' : `the outside is at ${options.public_interface}`
  const networking = createNetworking({ network, guests, services, clock, log })
  return {
    networking: {
      ...networking,
      start(ask) {
        asking.by = ask
        return networking.start(ask)
      },
    },
    says: `guests are connected by bridges; ${way}`,
  }
}

function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'only root may make bridges'
  const missing = PROGRAMS.filter((program) => Bun.which(program, { PATH: PLACES }) === null)
  if (missing.length > 0) return `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not installed`
  return provideBridgeFilter()
}
