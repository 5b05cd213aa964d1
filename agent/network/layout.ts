import type { HostNetwork, HostNetworks, HostPort, HostRouter, HostSubnet } from '../../src/contracts/index.ts'
import { contains, fullLength, isV4, prefixLength } from './addresses.ts'
import { bridgeName, gatewayNames, namespaceName, tapName, uplinkNames } from './names.ts'
import { slots } from './slots.ts'

/** Where the metadata service is, on every network. */
export const METADATA_V4 = '169.254.169.254'
export const METADATA_V6 = 'fe80::a9fe:a9fe'

/** A network on this host: its bridge, and its gateway in a namespace. */
export interface Segment {
  readonly network: HostNetwork
  readonly ports: readonly HostPort[]
  readonly bridge: string
  /** Of the pair of devices that joins the two, the end on the bridge and the one in the namespace. */
  readonly gatewayPort: string
  readonly gateway: string
  /** The same on every host, so that a guest that moves finds its gateway again. */
  readonly gatewayMac: string
  /** Keeps the connections of networks with the same addresses apart, 1 to 65,535. */
  readonly zone: number
}

/** A namespace: one network, or several that a router joins. */
export interface Domain {
  readonly id: string
  readonly namespace: string
  readonly segments: readonly Segment[]
  /** What the router knows beside its networks. */
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[]
  /** Null where nothing may leave. */
  readonly uplink: Uplink | null
}

export interface Uplink {
  readonly outside: string
  readonly inside: string
  /** The two ends of a link of their own, `169.254.0.0/31`. */
  readonly outsideAddress: string
  readonly insideAddress: string
  /** Guests without a floating IP may leave by the host's address. */
  readonly snat: boolean
  readonly floating: readonly { readonly floating_ip: string; readonly fixed_ip: string }[]
}

export interface Layout {
  readonly domains: readonly Domain[]
}

export interface LayoutOptions {
  readonly scope: string
  /** Where traffic leaves the host; null where it never does. */
  readonly public_interface: string | null
}

/** Pairs of addresses below 169.254.128.0, so that none is the metadata service's. */
const UPLINK_SLOTS = 2 ** 14
const ZONES = 65_535

/** What has to be there for this state. A pure function: the same state gives the same names, zones and addresses. */
export function layoutOf(state: HostNetworks, options: LayoutOptions): Layout {
  const byNetwork = Map.groupBy(state.ports, (port) => port.network_id)
  const zones = slots(state.networks.map(({ id }) => id), ZONES)
  const routers = new Map(state.routers.map((router) => [router.id, router]))
  const byDomain = Map.groupBy(state.networks, (network) => network.router_id ?? network.id)
  const links = slots([...byDomain.keys()], UPLINK_SLOTS)
  return {
    domains: Array.from(byDomain, ([id, networks]): Domain => {
      const segments = networks.map((network) =>
        segment(network, byNetwork.get(network.id) ?? [], zones.get(network.id)! + 1),
      )
      const router = routers.get(id)
      const leaves = router?.external && options.public_interface !== null
      return {
        id,
        namespace: namespaceName(options.scope, id),
        segments,
        routes: router?.routes ?? [],
        uplink: leaves ? uplinkOf(router, segments, links.get(id)!) : null,
      }
    }),
  }
}

function segment(network: HostNetwork, ports: readonly HostPort[], zone: number): Segment {
  const { port, inside } = gatewayNames(network.id)
  return {
    network,
    ports,
    bridge: bridgeName(network.id),
    gatewayPort: port,
    gateway: inside,
    // Locally administered, and not OpenStack's prefix: no port can have it.
    gatewayMac: `0a:${network.id.slice(0, 8).match(/../g)!.join(':')}:${network.id.slice(9, 11)}`,
    zone,
  }
}

function uplinkOf({ id, snat }: HostRouter, segments: readonly Segment[], slot: number): Uplink {
  const base = slot * 2
  const address = (last: number): string => `169.254.${base >> 8}.${(base & 0xff) + last}`
  return {
    ...uplinkNames(id),
    outsideAddress: address(0),
    insideAddress: address(1),
    snat,
    floating: segments.flatMap(({ ports }) => ports.flatMap(({ floating_ips }) => floating_ips)),
  }
}

/** What a namespace must have, in the words of `ip`; the lines are compared with those of what is there. */
export function domainLines({ segments, routes, uplink }: Domain): string[] {
  // On the loopback, since several networks may share the namespace; guests reach it through their gateway.
  const lines = [
    'device lo',
    `address ${METADATA_V4}/32 dev lo`,
    ...segments.flatMap(segmentLines),
    ...routes.flatMap((route) => routerRoute(route, segments)),
  ]
  if (!uplink) return lines
  return [
    ...lines,
    `device ${uplink.inside}`,
    `address ${uplink.insideAddress}/31 dev ${uplink.inside}`,
    `route default via ${uplink.outsideAddress} dev ${uplink.inside}`,
  ]
}

function segmentLines({ network, ports, gateway }: Segment): string[] {
  const own = (address: string): string => `address ${address} dev ${gateway}`
  const v4 = network.subnets.filter(({ cidr }) => isV4(cidr))
  return [
    `device ${gateway} mtu ${network.mtu}`,
    own(`${METADATA_V6}/64`),
    // DHCP is served from an address on the link; without one of the network's own there is only this one.
    ...(v4.some(({ service_ip }) => service_ip === null) ? [own(`${METADATA_V4}/32`)] : []),
    ...network.subnets.map((subnet) => gatewayLine(subnet, gateway)),
    // Known, not asked for: a guest without anti-spoofing cannot have another's answers sent to itself.
    ...ports.flatMap(({ mac_address, fixed_ips }) =>
      fixed_ips.map(({ ip_address }) => `neighbour ${ip_address} lladdr ${mac_address} dev ${gateway}`),
    ),
  ]
}

/** A subnet without an address of the network's own is on the link all the same. */
function gatewayLine({ cidr, service_ip }: HostSubnet, gateway: string): string {
  if (service_ip === null) return `route ${cidr} dev ${gateway}`
  return `address ${service_ip}/${prefixLength(cidr)} dev ${gateway}`
}

/** By way of the network that the next hop is on; one that is on none leads nowhere. */
function routerRoute({ destination, nexthop }: { destination: string; nexthop: string }, segments: readonly Segment[]): string[] {
  const way = segments.find(({ network }) => network.subnets.some(({ cidr }) => contains(cidr, nexthop)))
  // The way out is the uplink's.
  if (!way || prefixLength(destination) === 0) return []
  return [`route ${destination} via ${nexthop} dev ${way.gateway}`]
}

/** The same for the machine's own network, beside its interfaces: what leads to floating IPs. */
export function machineLines({ domains }: Layout, publicInterface: string | null): string[] {
  return domains.flatMap(({ uplink }) => {
    if (!uplink || publicInterface === null) return []
    const ways = uplink.floating.filter(({ floating_ip }) => isV4(floating_ip)).flatMap(({ floating_ip }) => [
      `route ${fullLength(floating_ip)} via ${uplink.insideAddress} dev ${uplink.outside}`,
      `proxy ${floating_ip} dev ${publicInterface}`,
    ])
    return [`address ${uplink.outsideAddress}/31 dev ${uplink.outside}`, ...ways]
  })
}

/** An interface that the machine's own network must have. */
export interface Device {
  readonly name: string
  readonly mtu: number
  /** The bridge it is on. */
  readonly master: string | null
  /** Lines for `ip` that make it; what is common to all is added to them. */
  readonly make: readonly string[]
}

export function devicesOf({ domains }: Layout): Device[] {
  return domains.flatMap(({ namespace, segments, uplink }) => [
    ...segments.flatMap(({ network: { mtu }, bridge, gatewayPort, gateway, gatewayMac }): Device[] => [
      {
        name: bridge,
        mtu,
        master: null,
        // Rules about connections need the bridge to show its frames to the IP layer's connection tracking; asked for
        // on this bridge alone, it changes nothing for others.
        make: [`link add ${bridge} type bridge forward_delay 0 nf_call_iptables 1 nf_call_ip6tables 1`],
      },
      {
        name: gatewayPort,
        mtu,
        master: bridge,
        make: [`link add ${gatewayPort} type veth peer name ${gateway} address ${gatewayMac} netns ${namespace}`],
      },
    ]),
    ...(uplink
      ? [
          {
            name: uplink.outside,
            mtu: 1500,
            master: null,
            make: [`link add ${uplink.outside} type veth peer name ${uplink.inside} netns ${namespace}`],
          },
        ]
      : []),
  ])
}

/** Taps and the ports they belong to; the guests' side of every bridge. */
export const tapsOf = ({ domains }: Layout): ReadonlyMap<string, HostPort> =>
  new Map(domains.flatMap(({ segments }) => segments.flatMap(({ ports }) => ports.map((port) => [tapName(port.id), port]))))
