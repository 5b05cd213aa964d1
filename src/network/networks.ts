import type { HostNetworks } from '../contracts/index.ts'
import { type Clock, isUuid, systemClock } from '../kernel/index.ts'
import type { GlobalDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { bootstrap } from './bootstrap.ts'
import { type FloatingIpVerbs, floatingIpVerbs } from './floating-ips/floating-ip-verbs.ts'
import { doorbell } from './host-view/doorbell.ts'
import { hostNetworks } from './host-view/host-networks.ts'
import { datedHostView } from './host-view/host-view.ts'
import { noteNetworkHost } from './host-view/touched.store.ts'
import { type NetworkVerbs, networkVerbs } from './networks/network-verbs.ts'
import { type PortVerbs, portVerbs } from './ports/port-verbs.ts'
import { type RouterVerbs, routerVerbs } from './routers/router-verbs.ts'
import { type SecurityGroupVerbs, securityGroupVerbs } from './security-groups/security-group-verbs.ts'
import { type ServerAddresses, serverAddresses } from './servers/server-addresses.ts'
import { type ServerInterfaces, serverInterfaces } from './servers/server-interfaces.ts'
import { type ServerPorts, serverPorts } from './servers/server-ports.ts'
import { type NetworkUse, listUse, useOf } from './availability/availability.store.ts'
import type { Listing, Page } from './listing.ts'
import { networkNotFound } from './failures.ts'
import { type QuotaVerbs, quotaVerbs } from './quotas/quotas.ts'
import { type TagVerbs, tagVerbs } from './tags/tag-verbs.ts'
import { type SubnetVerbs, subnetVerbs } from './subnets/subnet-verbs.ts'

/** The network service: networks with their addresses, ports, security groups, routers and floating addresses. */
export interface Networks extends ServerPorts, ServerInterfaces, ServerAddresses {
  /** Makes the first networks, once in the life of a database. @throws {Error} when `externalCidr` is no network. */
  bootstrap(): Promise<void>
  readonly networks: NetworkVerbs
  readonly subnets: SubnetVerbs
  readonly ports: PortVerbs
  readonly securityGroups: SecurityGroupVerbs
  readonly routers: RouterVerbs
  readonly floatingIps: FloatingIpVerbs
  readonly tags: TagVerbs
  readonly quotas: QuotaVerbs
  /** How many addresses of each network are taken, whoever's it is. */
  readonly use: {
    list(listing: Listing): Promise<Page<NetworkUse>>
    /** @throws {Problem} not_found */
    show(networkId: string): Promise<NetworkUse>
  }
  /**
   * How the network of the compute host of this name has to be, as of one moment. From then on `hostsChanged` tells of
   * what changes for it.
   */
  hostNetworks(host: string): Promise<HostNetworks>
}

export interface NetworksOptions {
  readonly db: GlobalDb
  /** Addresses of the first external network; null for a cloud that starts without one. */
  readonly externalCidr: string | null
  /** Called with hosts whose network has changed by one of the verbs; the change is in the database by then. */
  readonly hostsChanged?: (hosts: readonly string[]) => void
  readonly clock?: Clock
  readonly log: Logger
}

export function createNetworks(options: NetworksOptions): Networks {
  const { db, externalCidr, log, clock = systemClock, hostsChanged = () => {} } = options
  const { after } = doorbell(db, hostsChanged, clock, log)
  const plainPorts = portVerbs(db)
  const plainSubnets = subnetVerbs(db)
  const [servers, networks, groups] = [serverPorts(db), networkVerbs(db), securityGroupVerbs(db)]
  const routers = routerVerbs(db, { ports: plainPorts, subnets: plainSubnets })
  const floatingIps = floatingIpVerbs(db, plainPorts)
  const byId = ([, id]: readonly [unknown, string, ...unknown[]]): string[] => uuids(id)
  const made = (_: unknown, rows: readonly { readonly id: string }[] = []): string[] => rows.map(({ id }) => id)
  const interfaces = serverInterfaces(db)
  const ports: PortVerbs = {
    ...plainPorts,
    create: after(plainPorts.create, made),
    update: after(plainPorts.update, byId),
    remove: after(plainPorts.remove, byId),
  }
  const floating: FloatingIpVerbs = {
    ...floatingIps,
    create: after(floatingIps.create, (_, floating) => (floating ? [floating.id] : [])),
    update: after(floatingIps.update, byId),
    remove: after(floatingIps.remove, byId),
  }
  return {
    ...servers,
    ...serverAddresses(db, { ports, floatingIps: floating }),
    attachToServer: after(interfaces.attachToServer, (_, vif) => (vif ? [vif.port_id] : [])),
    detachFromServer: after(interfaces.detachFromServer, ([, portId]) => uuids(portId)),
    vifsOfServer: interfaces.vifsOfServer,
    allocateForServer: after(servers.allocateForServer, (_, vifs = []) => vifs.map((vif) => vif.port_id)),
    releaseForServer: after(servers.releaseForServer, ([serverId]) => uuids(serverId)),
    bindHost: after(servers.bindHost, ([serverId]) => uuids(serverId)),
    bootstrap: () => bootstrap(db, externalCidr, log),
    networks: { ...networks, update: after(networks.update, byId) },
    subnets: {
      ...plainSubnets,
      create: after(plainSubnets.create, (_, rows = []) => rows.map((subnet) => subnet.network_id)),
      update: after(plainSubnets.update, byId),
      remove: after(plainSubnets.remove, byId),
    },
    ports,
    securityGroups: {
      ...groups,
      createRule: after(groups.createRule, ([, wanted]) => uuids(wanted.security_group_id)),
      removeRule: after(groups.removeRule, byId),
    },
    routers: {
      ...routers,
      update: after(routers.update, byId),
      addInterface: after(routers.addInterface, byId),
      removeInterface: after(routers.removeInterface, byId),
    },
    floatingIps: floating,
    tags: tagVerbs(db),
    quotas: quotaVerbs(db),
    use: {
      list: (listing) => listUse(db.sql, listing),
      async show(networkId) {
        const use = isUuid(networkId) ? await useOf(db.sql, networkId) : undefined
        if (!use) throw networkNotFound(networkId)
        return use
      },
    },
    async hostNetworks(host) {
      await noteNetworkHost(db.sql, host)
      const { view, as_of } = await datedHostView(db, host)
      return hostNetworks(view, as_of)
    },
  }
}

/** What is no id has changed nothing. */
const uuids = (id: string): string[] => (isUuid(id) ? [id] : [])
