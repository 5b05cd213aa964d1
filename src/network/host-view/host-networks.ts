import type { HostNetwork, HostNetworks, HostPort, HostRouter, HostSubnet } from '../../contracts/index.ts'
import type { HostView } from './host-view.ts'
import type * as view from './host-view.store.ts'

/** A host's view in the words of the contract with it. */
export function hostNetworks({ ports, networks, routers, security_groups, groups }: HostView, as_of: number): HostNetworks {
  const served = new Set(ports.map((port) => port.network_id))
  return {
    as_of,
    // Where a router leads to is the outside, unless a guest is there too.
    networks: networks.filter(({ id, external }) => !external || served.has(id)).map((network) => networkOf(network, routers)),
    routers: routers.map(routerOf),
    ports: ports.map(portOf),
    security_groups,
    remote_groups: groups,
  } as HostNetworks
}

function networkOf(network: view.HostNetwork, routers: readonly view.HostRouter[]): HostNetwork {
  const legs = routers
    .filter((router) => router.admin_state_up)
    .flatMap((router) => router.interfaces.map((leg) => ({ router_id: router.id, ...leg })))
    .filter((leg) => leg.network_id === network.id)
  const gateways = new Set(network.subnets.map((subnet) => subnet.gateway_ip))
  // Of two routers, the one that guests send to.
  const main = legs.find((leg) => leg.fixed_ips.some(({ ip_address }) => gateways.has(ip_address))) ?? legs[0]
  const addresses = legs.filter((leg) => leg.router_id === main?.router_id).flatMap((leg) => leg.fixed_ips)
  return {
    id: network.id,
    mtu: network.mtu,
    router_id: main?.router_id ?? null,
    subnets: network.subnets.map((subnet) => subnetOf(subnet, addresses)),
  }
}

function subnetOf(
  { gateway_in_use, ...subnet }: view.HostSubnet,
  routerAddresses: readonly { subnet_id: string; ip_address: string }[],
): HostSubnet {
  const { id, cidr, gateway_ip, enable_dhcp, dns_nameservers, host_routes } = subnet
  const router = routerAddresses.find((address) => address.subnet_id === id)
  return {
    id,
    cidr,
    gateway_ip,
    service_ip: router?.ip_address ?? (gateway_in_use ? null : gateway_ip),
    enable_dhcp,
    dns_nameservers: [...dns_nameservers],
    host_routes: [...host_routes],
    ipv6_address_mode: cidr.includes(':') && enable_dhcp ? 'dhcpv6-stateful' : null,
  }
}

const routerOf = ({ id, admin_state_up, enable_snat, gateway, routes }: view.HostRouter): HostRouter => {
  const external = admin_state_up && gateway !== null
  return { id, external, snat: external && enable_snat, routes: [...routes] }
}

const portOf = (port: view.HostPortRow): HostPort => ({
  id: port.id,
  network_id: port.network_id,
  server_id: port.device_owner.startsWith('compute:') ? port.device_id : null,
  mac_address: port.mac_address,
  admin_state_up: port.admin_state_up,
  hostname: '',
  fixed_ips: [...port.fixed_ips],
  port_security_enabled: port.port_security_enabled,
  allowed_address_pairs: [...port.allowed_address_pairs],
  security_groups: [...port.security_group_ids],
  floating_ips: port.floating_ips.map((each) => ({
    floating_ip: each.floating_ip_address,
    fixed_ip: each.fixed_ip_address,
  })),
})
