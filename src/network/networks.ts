import type { GlobalDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { bootstrap } from './bootstrap.ts'
import { type FloatingIpVerbs, floatingIpVerbs } from './floating-ips/floating-ip-verbs.ts'
import { type HostView, hostView } from './host-view/host-view.ts'
import { type NetworkVerbs, networkVerbs } from './networks/network-verbs.ts'
import { type PortVerbs, portVerbs } from './ports/port-verbs.ts'
import { type RouterVerbs, routerVerbs } from './routers/router-verbs.ts'
import { type SecurityGroupVerbs, securityGroupVerbs } from './security-groups/security-group-verbs.ts'
import { type ServerPorts, serverPorts } from './servers/server-ports.ts'
import { type NetworkUse, listUse, useOf } from './availability/availability.store.ts'
import type { Listing, Page } from './listing.ts'
import { networkNotFound } from './failures.ts'
import { isUuid } from '../kernel/index.ts'
import { type TagVerbs, tagVerbs } from './tags/tag-verbs.ts'
import { type SubnetVerbs, subnetVerbs } from './subnets/subnet-verbs.ts'

/** The network service: networks with their addresses, ports, security groups, routers and floating addresses. */
export interface Networks extends ServerPorts {
  /** Makes the first networks, once in the life of a database. @throws {Error} when `externalCidr` is no network. */
  bootstrap(): Promise<void>
  readonly networks: NetworkVerbs
  readonly subnets: SubnetVerbs
  readonly ports: PortVerbs
  readonly securityGroups: SecurityGroupVerbs
  readonly routers: RouterVerbs
  readonly floatingIps: FloatingIpVerbs
  readonly tags: TagVerbs
  /** How many addresses of each network are taken, whoever's it is. */
  readonly use: {
    list(listing: Listing): Promise<Page<NetworkUse>>
    /** @throws {Problem} not_found */
    show(networkId: string): Promise<NetworkUse>
  }
  /** All that the compute host of this name has to know to serve the ports bound to it, as of one moment. */
  hostView(host: string): Promise<HostView>
}

export interface NetworksOptions {
  readonly db: GlobalDb
  /** Addresses of the first external network; null for a cloud that starts without one. */
  readonly externalCidr: string | null
  readonly log: Logger
}

export function createNetworks({ db, externalCidr, log }: NetworksOptions): Networks {
  const ports = portVerbs(db)
  const subnets = subnetVerbs(db)
  return {
    ...serverPorts(db),
    bootstrap: () => bootstrap(db, externalCidr, log),
    networks: networkVerbs(db),
    subnets,
    ports,
    securityGroups: securityGroupVerbs(db),
    routers: routerVerbs(db, { ports, subnets }),
    floatingIps: floatingIpVerbs(db, ports),
    tags: tagVerbs(db),
    use: {
      list: (listing) => listUse(db.sql, listing),
      async show(networkId) {
        const use = isUuid(networkId) ? await useOf(db.sql, networkId) : undefined
        if (!use) throw networkNotFound(networkId)
        return use
      },
    },
    hostView: (host) => hostView(db, host),
  }
}
