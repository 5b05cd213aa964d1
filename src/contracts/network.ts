import { createHash } from 'node:crypto'
import { type Static, Type as T } from '@sinclair/typebox'
import { message } from './contract.ts'

/**
 * What a compute host has to know of the network: the ports of its guests, and of everything else as much as they need.
 *
 * It is always told in full and only about itself: the control plane sends it by a call on the host's own topic, which
 * nobody else may read. It does so whenever something in it changes (`HOST_NETWORKS_CHANGED`), and when the host asks
 * by the event `networks_wanted`, at its start and now and then: what got lost costs seconds.
 */
const Uuid = T.String({ pattern: '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' })
const Mac = T.String({ pattern: '^([0-9a-f]{2}:){5}[0-9a-f]{2}$' })
/** In its canonical text, as PostgreSQL's `host()` gives it. */
const Address = T.String({ pattern: '^[0-9a-f.:]{2,45}$' })
const Cidr = T.String({ pattern: '^[0-9a-f.:]{2,45}/\\d{1,3}$' })

/** Bounds of one host's state; a control plane that is asked for more refuses. */
export const MAX_HOST_PORTS = 2_000
export const MAX_HOST_RULES = 50_000
const MAX_HOST_NETWORKS = 1_000
const MAX_MEMBERS = 10_000

export const HostSubnet = T.Object({
  id: Uuid,
  cidr: Cidr,
  /** Where guests send what is not for the subnet. */
  gateway_ip: T.Union([Address, T.Null()]),
  /**
   * The network's own address: its router's, or else the gateway's unless a guest plays that. DNS is there, and the way
   * to the metadata service; without one both are reached on the link.
   */
  service_ip: T.Union([Address, T.Null()]),
  enable_dhcp: T.Boolean(),
  dns_nameservers: T.Array(Address, { maxItems: 16 }),
  host_routes: T.Array(T.Object({ destination: Cidr, nexthop: Address }), { maxItems: 64 }),
  /** How guests come by an IPv6 address: by themselves, by DHCP, or by neither. Null in IPv4. */
  ipv6_address_mode: T.Union([
    T.Literal('slaac'),
    T.Literal('dhcpv6-stateful'),
    T.Literal('dhcpv6-stateless'),
    T.Null(),
  ]),
})
export type HostSubnet = Static<typeof HostSubnet>

export const HostNetwork = T.Object({
  id: Uuid,
  mtu: T.Integer({ minimum: 68, maximum: 65_535 }),
  subnets: T.Array(HostSubnet, { maxItems: 32 }),
  /** The router that joins it with others of `routers`; without one nothing leaves the network. */
  router_id: T.Union([Uuid, T.Null()]),
})
export type HostNetwork = Static<typeof HostNetwork>

export const HostRouter = T.Object({
  id: Uuid,
  /** Whether it leads outside, to floating IPs and from them; and whether others may leave by the host's address. */
  external: T.Boolean(),
  snat: T.Boolean(),
  routes: T.Array(T.Object({ destination: Cidr, nexthop: Address }), { maxItems: 64 }),
})
export type HostRouter = Static<typeof HostRouter>

export const HostPort = T.Object({
  id: Uuid,
  network_id: Uuid,
  /** The server whose guest has it; null while it has none. */
  server_id: T.Union([Uuid, T.Null()]),
  mac_address: Mac,
  /** A port that is down passes nothing. */
  admin_state_up: T.Boolean(),
  /** The name that the guest has in DHCP and DNS, without a domain. */
  hostname: T.String({ pattern: '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$|^$' }),
  fixed_ips: T.Array(T.Object({ subnet_id: Uuid, ip_address: Address }), { maxItems: 64 }),
  /** False: neither anti-spoofing nor security groups. */
  port_security_enabled: T.Boolean(),
  /** What the guest may send from beside its own addresses. */
  allowed_address_pairs: T.Array(T.Object({ ip_address: T.Union([Address, Cidr]), mac_address: Mac }), { maxItems: 64 }),
  security_groups: T.Array(Uuid, { maxItems: 256 }),
  floating_ips: T.Array(T.Object({ floating_ip: Address, fixed_ip: Address }), { maxItems: 64 }),
})
export type HostPort = Static<typeof HostPort>

export const HostRule = T.Object({
  direction: T.Union([T.Literal('ingress'), T.Literal('egress')]),
  ethertype: T.Union([T.Literal('IPv4'), T.Literal('IPv6')]),
  /** IANA's number; null is any. */
  protocol: T.Union([T.Integer({ minimum: 0, maximum: 255 }), T.Null()]),
  /** For ICMP its type and code. */
  port_range_min: T.Union([T.Integer({ minimum: 0, maximum: 65_535 }), T.Null()]),
  port_range_max: T.Union([T.Integer({ minimum: 0, maximum: 65_535 }), T.Null()]),
  remote_ip_prefix: T.Union([Cidr, T.Null()]),
  remote_group_id: T.Union([Uuid, T.Null()]),
})
export type HostRule = Static<typeof HostRule>

export const HostNetworks = T.Object({
  /** When the truth was as this says it, microseconds since the epoch by the database's clock: of two, the later holds. */
  as_of: T.Integer({ minimum: 0 }),
  networks: T.Array(HostNetwork, { maxItems: MAX_HOST_NETWORKS }),
  routers: T.Array(HostRouter, { maxItems: MAX_HOST_NETWORKS }),
  ports: T.Array(HostPort, { maxItems: MAX_HOST_PORTS }),
  /** Those that a port of the host is in; all their rules together are at most `MAX_HOST_RULES`. */
  security_groups: T.Array(T.Object({ id: Uuid, rules: T.Array(HostRule, { maxItems: MAX_HOST_RULES }) }), {
    maxItems: MAX_HOST_PORTS,
  }),
  /** Those that rules name as their remote side, with the addresses of all their ports, wherever these are. */
  remote_groups: T.Array(T.Object({ id: Uuid, addresses: T.Array(T.Union([Address, Cidr]), { maxItems: MAX_MEMBERS }) }), {
    maxItems: MAX_HOST_PORTS,
  }),
})
export type HostNetworks = Static<typeof HostNetworks>

/** The same for two states that say the same, whenever they were taken. */
export function networksDigest(state: HostNetworks): string {
  const said = JSON.stringify({ ...state, as_of: 0 })
  return createHash('sha256').update(said).digest('hex')
}

/** A call on `agentTopic(host)`: this is how the host's network has to be. It answers once it has taken it over. */
export const networksPush = message('agent.networks', 1, T.Object({ push: T.Literal('networks'), networks: HostNetworks }))

/** Topic of hosts whose state has changed; one conductor reads each from Postgres and sends it. */
export const HOST_NETWORKS_CHANGED = 'host-networks-changed'
export const hostNetworksChanged = message(
  'network.hosts-changed',
  1,
  T.Object({ hosts: T.Array(T.String({ minLength: 1, maxLength: 255 }), { maxItems: 10_000 }) }),
)
