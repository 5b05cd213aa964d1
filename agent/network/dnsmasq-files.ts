import type { HostPort, HostSubnet } from '../../src/contracts/index.ts'
import { isV4, netmask, prefixLength } from './addresses.ts'
import { METADATA_V4, type Segment } from './layout.ts'

export interface DhcpOptions {
  /** `[api] dhcp_domain`; '' for none. */
  readonly dhcp_domain: string
  readonly dhcp_lease_time_s: number
  /** Whether the DNS of the machine may be asked for what the network itself does not know. */
  readonly forward_dns: boolean
}

/** The files of one dnsmasq, by name. Those in `RELOADED` it reads again on SIGHUP, the others when it starts. */
export interface DnsmasqFiles {
  readonly 'dnsmasq.conf': string
  readonly 'options': string
  readonly 'hosts': string
  readonly 'names': string
}
export const RELOADED = ['options', 'hosts', 'names'] as const

/** DHCP's option 121: routes, as pairs of destination and router. Who asks for it ignores the router option. */
const CLASSLESS_ROUTES = 121
/** What Windows before Vista asks for instead. */
const MS_CLASSLESS_ROUTES = 249

/** Null for a network on which nobody asks for an address. */
export function dnsmasqFiles(segment: Segment, directory: string, options: DhcpOptions): DnsmasqFiles | null {
  const { network, ports, gateway } = segment
  const subnets = network.subnets.filter(({ enable_dhcp }) => enable_dhcp)
  if (subnets.length === 0) return null
  const served = new Set(subnets.map(({ id }) => id))
  const withDns = subnets.some(({ service_ip }) => service_ip !== null)
  return {
    'dnsmasq.conf': text([
      'no-hosts',
      'no-ping',
      'bind-interfaces',
      'except-interface=lo',
      `interface=${gateway}`,
      `port=${withDns ? 53 : 0}`,
      ...(options.forward_dns ? [] : ['no-resolv']),
      'bogus-priv',
      'domain-needed',
      'no-negcache',
      // Each guest has its address from the control plane; nobody else gets one.
      'dhcp-ignore=tag:!known',
      'dhcp-authoritative',
      'dhcp-no-override',
      `dhcp-lease-max=${Math.max(ports.length, 1) + 1000}`,
      `pid-file=${directory}/pid`,
      `dhcp-leasefile=${directory}/leases`,
      `dhcp-optsfile=${directory}/options`,
      `dhcp-hostsfile=${directory}/hosts`,
      `addn-hosts=${directory}/names`,
      ...(options.dhcp_domain === '' ? [] : [`domain=${options.dhcp_domain}`, `local=/${options.dhcp_domain}/`, 'expand-hosts']),
      ...subnets.flatMap((subnet) => ranges(subnet, gateway, options.dhcp_lease_time_s)),
      ...(subnets.some(advertised) ? ['enable-ra', `ra-param=${gateway},mtu:${network.mtu},0`] : []),
    ]),
    'options': text(subnets.flatMap((subnet) => subnetOptions(subnet, network.mtu))),
    'hosts': text(ports.flatMap((port) => reservation(port, served, options.dhcp_domain))),
    'names': text(
      ports.flatMap((port) => port.fixed_ips.map(({ ip_address }) => `${ip_address} ${hostname(port, ip_address)}`)),
    ),
  }
}

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
const tag = (subnet: HostSubnet): string => `subnet-${subnet.id}`
const advertised = ({ cidr, ipv6_address_mode, service_ip }: HostSubnet): boolean =>
  !isV4(cidr) && ipv6_address_mode !== null && service_ip !== null

function ranges(subnet: HostSubnet, gateway: string, lease_s: number): string[] {
  const [address, length] = [subnet.cidr.split('/')[0]!, prefixLength(subnet.cidr)]
  if (isV4(subnet.cidr)) {
    const range = `dhcp-range=set:${tag(subnet)},${address},static,${netmask(length)},${lease_s}s`
    // Where the interface has no address of the subnet, dnsmasq must be told that it is there.
    return subnet.service_ip === null ? [range, `shared-network=${gateway},${address}`] : [range]
  }
  switch (subnet.ipv6_address_mode) {
    case 'slaac':
      return [`dhcp-range=set:${tag(subnet)},${address},ra-only,${length},${lease_s}s`]
    case 'dhcpv6-stateless':
      return [`dhcp-range=set:${tag(subnet)},${address},ra-stateless,${length},${lease_s}s`]
    case 'dhcpv6-stateful':
      return [`dhcp-range=set:${tag(subnet)},${address},static,${length},${lease_s}s`]
    case null:
      return []
  }
}

function subnetOptions(subnet: HostSubnet, mtu: number): string[] {
  const { gateway_ip, service_ip, dns_nameservers, host_routes } = subnet
  const option = (name: string, ...values: string[]): string => [`tag:${tag(subnet)}`, name, ...values].join(',')
  if (!isV4(subnet.cidr)) {
    const servers = dns_nameservers.filter((server) => !isV4(server))
    const own = service_ip === null ? [] : [service_ip]
    const dns = servers.length > 0 ? servers : own
    return dns.length === 0 ? [] : [option('option6:dns-server', ...dns.map((server) => `[${server}]`))]
  }
  const servers = dns_nameservers.filter(isV4)
  const dns = servers.length > 0 ? servers : service_ip === null ? [] : [service_ip]
  const routes = [
    ...host_routes.filter(({ destination }) => isV4(destination)).map(({ destination, nexthop }) => `${destination},${nexthop}`),
    `${METADATA_V4}/32,${service_ip ?? '0.0.0.0'}`,
    ...(gateway_ip === null ? [] : [`0.0.0.0/0,${gateway_ip}`]),
  ]
  return [
    // An option without a value is not sent; left out, dnsmasq would name itself.
    option('option:router', ...(gateway_ip === null ? [] : [gateway_ip])),
    option('option:dns-server', ...dns),
    option('option:mtu', String(mtu)),
    option(`${CLASSLESS_ROUTES}`, ...routes),
    option(`${MS_CLASSLESS_ROUTES}`, ...routes),
  ]
}

/** The one MAC address, the name and the addresses that go with it, as dnsmasq wants them in one line. */
function reservation(port: HostPort, served: ReadonlySet<string>, domain: string): string[] {
  const own = port.fixed_ips.filter(({ subnet_id }) => served.has(subnet_id)).map(({ ip_address }) => ip_address)
  const v4 = own.find(isV4)
  const v6 = own.filter((address) => !isV4(address))
  const first = v4 ?? v6[0]
  if (first === undefined) return []
  const name = hostname(port, first)
  const full = domain === '' ? name : `${name}.${domain}`
  return [[port.mac_address, full, ...(v4 ? [v4] : []), ...v6.map((address) => `[${address}]`)].join(',')]
}

/** As Neutron calls a guest that has no name: after its address. */
const hostname = ({ hostname }: HostPort, address: string): string =>
  hostname === '' ? `host-${address.replace(/[.:]+/g, '-').replace(/-$/, '')}` : hostname.toLowerCase()
