import {
  type FloatingIp,
  type GroupWithRules,
  type Network,
  type NetworkUse,
  type Port,
  poolSize,
  type Router,
  type SecurityGroupRule,
  type Subnet,
} from '../../network/index.ts'
import type { View } from './query.ts'

/** What the viewer may see beyond the common attributes. */
export interface Sight {
  readonly provider: boolean
  readonly binding: boolean
}

export function networkView(network: Network, sight: Sight): View {
  return {
    id: network.id,
    name: network.name,
    description: network.description,
    ...owner(network),
    admin_state_up: network.admin_state_up,
    status: network.admin_state_up ? 'ACTIVE' : 'DOWN',
    shared: network.shared,
    'router:external': network.external,
    mtu: network.mtu,
    subnets: network.subnets,
    port_security_enabled: network.port_security_enabled,
    availability_zones: [],
    availability_zone_hints: [],
    ipv4_address_scope: null,
    ipv6_address_scope: null,
    ...(sight.provider && {
      'provider:network_type': 'local',
      'provider:physical_network': null,
      'provider:segmentation_id': null,
    }),
    ...standard(network),
  }
}

export function subnetView(subnet: Subnet): View {
  return {
    id: subnet.id,
    name: subnet.name,
    description: subnet.description,
    ...owner(subnet),
    network_id: subnet.network_id,
    ip_version: subnet.cidr.includes(':') ? 6 : 4,
    cidr: subnet.cidr,
    gateway_ip: subnet.gateway_ip,
    allocation_pools: subnet.allocation_pools,
    enable_dhcp: subnet.enable_dhcp,
    dns_nameservers: subnet.dns_nameservers,
    host_routes: subnet.host_routes,
    ipv6_address_mode: null,
    ipv6_ra_mode: null,
    service_types: [],
    subnetpool_id: null,
    ...standard(subnet),
  }
}

export function portView(port: Port, sight: Sight): View {
  return {
    id: port.id,
    name: port.name,
    description: port.description,
    ...owner(port),
    network_id: port.network_id,
    mac_address: port.mac_address,
    admin_state_up: port.admin_state_up,
    status: port.status,
    device_id: port.device_id,
    device_owner: port.device_owner,
    fixed_ips: port.fixed_ips,
    security_groups: port.security_groups,
    port_security_enabled: port.port_security_enabled,
    allowed_address_pairs: port.allowed_address_pairs.map(({ ip_address, mac_address }) => ({
      ip_address,
      mac_address: mac_address ?? port.mac_address,
    })),
    extra_dhcp_opts: port.extra_dhcp_opts,
    'binding:vnic_type': 'normal',
    ...(sight.binding && {
      'binding:host_id': port.binding_host,
      'binding:profile': {},
      'binding:vif_details': {},
      'binding:vif_type': port.binding_host === '' ? 'unbound' : 'other',
    }),
    ...standard(port),
  }
}

export function securityGroupView(group: GroupWithRules): View {
  return {
    id: group.id,
    name: group.name,
    description: group.description,
    ...owner(group),
    stateful: true,
    shared: false,
    // Inside a group Neutron shows the tags of its rules, of which there are none.
    security_group_rules: group.rules.map((rule) => ({ ...ruleView(rule), tags: [] })),
    ...standard(group),
  }
}

export function ruleView(rule: SecurityGroupRule): View {
  return {
    id: rule.id,
    security_group_id: rule.security_group_id,
    ...owner(rule),
    direction: rule.direction,
    ethertype: rule.ethertype,
    protocol: rule.protocol,
    port_range_min: rule.port_range_min,
    port_range_max: rule.port_range_max,
    remote_ip_prefix: rule.remote_ip_prefix,
    normalized_cidr: rule.remote_ip_prefix,
    remote_group_id: rule.remote_group_id,
    remote_address_group_id: null,
    description: rule.description,
    // A rule is never changed.
    revision_number: 0,
    created_at: seconds(rule.created_at),
    updated_at: seconds(rule.created_at),
  }
}

const owner = ({ project_id }: { project_id: string }) => ({ project_id, tenant_id: project_id })

export function routerView(router: Router): View {
  const { gateway } = router
  return {
    id: router.id,
    name: router.name,
    description: router.description,
    ...owner(router),
    admin_state_up: router.admin_state_up,
    status: 'ACTIVE',
    external_gateway_info: gateway && {
      network_id: gateway.network_id,
      enable_snat: router.enable_snat,
      external_fixed_ips: gateway.fixed_ips,
    },
    routes: router.routes,
    distributed: false,
    ha: false,
    flavor_id: null,
    availability_zones: [],
    availability_zone_hints: [],
    ...standard(router),
  }
}

export function floatingIpView(floatingIp: FloatingIp): View {
  const { port } = floatingIp
  const { id: port_id = null, ...port_details } = port ?? {}
  return {
    id: floatingIp.id,
    description: floatingIp.description,
    ...owner(floatingIp),
    floating_network_id: floatingIp.floating_network_id,
    floating_ip_address: floatingIp.floating_ip_address,
    fixed_ip_address: floatingIp.fixed_ip_address,
    port_id,
    port_details: port && port_details,
    router_id: floatingIp.router_id,
    status: port ? 'ACTIVE' : 'DOWN',
    ...standard(floatingIp),
  }
}

/** Numbers that a client can still read as such; the subnets of IPv6 have more addresses than JSON's numbers go. */
const count = (addresses: bigint): number => Number(addresses)

/** Counted are the subnets of `version`, or all of them. */
export function networkUseView(use: NetworkUse, version: 4 | 6 | null): View {
  const subnets = use.subnets
    .map((subnet) => ({
      subnet_id: subnet.subnet_id,
      subnet_name: subnet.subnet_name,
      cidr: subnet.cidr,
      ip_version: subnet.cidr.includes(':') ? 6 : 4,
      total_ips: count(subnet.allocation_pools.reduce((sum, pool) => sum + poolSize(pool), 0n)),
      used_ips: subnet.used_ips,
    }))
    .filter((subnet) => version === null || subnet.ip_version === version)
  const sum = (key: 'total_ips' | 'used_ips') => subnets.reduce((total, subnet) => total + subnet[key], 0)
  return {
    network_id: use.id,
    network_name: use.network_name,
    ...owner(use),
    subnet_ip_availability: subnets,
    total_ips: sum('total_ips'),
    used_ips: sum('used_ips'),
  }
}

function standard(row: { tags: readonly string[]; created_at: Date; updated_at: Date; revision: number }) {
  return {
    tags: row.tags,
    revision_number: row.revision,
    created_at: seconds(row.created_at),
    updated_at: seconds(row.updated_at),
  }
}

/** `2026-11-22T07:18:24Z` */
function seconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}
