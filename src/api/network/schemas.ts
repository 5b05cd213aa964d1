import { type TSchema, Type as T } from '@sinclair/typebox'

const Text = T.String({ maxLength: 255 })
const Project = T.Optional(T.String({ minLength: 1, maxLength: 255 }))
const Id = T.String({ minLength: 1, maxLength: 36 })
const Address = T.String({ minLength: 2, maxLength: 45 })
const Cidr = T.String({ minLength: 2, maxLength: 49 })
const Mac = T.String({ pattern: '^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$' })
const Empty = T.Optional(T.Array(T.Never(), { maxItems: 0 }))
/** Accepted where a client says it, since it is what it gets anyway. */
const Always = <V extends boolean | string>(value: V) => T.Optional(T.Literal(value))

const object = <P extends Record<string, TSchema>>(properties: P) =>
  T.Object(properties, { additionalProperties: false })

const network = {
  name: T.Optional(Text),
  description: T.Optional(Text),
  admin_state_up: T.Optional(T.Boolean()),
  shared: T.Optional(T.Boolean()),
  'router:external': T.Optional(T.Boolean()),
  // python-openstackclient sends it as text.
  mtu: T.Optional(T.Union([T.Integer({ minimum: 68, maximum: 65_535 }), T.String({ pattern: '^\\d{2,4}$' })])),
  port_security_enabled: T.Optional(T.Boolean()),
}
export const NetworkCreate = object({
  ...network,
  project_id: Project,
  tenant_id: Project,
  is_default: Always(false),
  availability_zone_hints: Empty,
})
export const NetworkUpdate = object(network)

const Pools = T.Array(object({ start: Address, end: Address }), { maxItems: 64 })
const subnet = {
  name: T.Optional(Text),
  description: T.Optional(Text),
  gateway_ip: T.Optional(T.Union([Address, T.Null()])),
  enable_dhcp: T.Optional(T.Boolean()),
  dns_nameservers: T.Optional(T.Array(Address, { maxItems: 5 })),
  host_routes: T.Optional(T.Array(object({ destination: Cidr, nexthop: Address }), { maxItems: 20 })),
  allocation_pools: T.Optional(Pools),
  service_types: Empty,
}
export const SubnetCreate = object({
  ...subnet,
  network_id: Id,
  cidr: Cidr,
  ip_version: T.Union([T.Literal(4), T.Literal(6)]),
  project_id: Project,
  tenant_id: Project,
  subnetpool_id: T.Optional(T.Null()),
  ipv6_address_mode: T.Optional(T.Null()),
  ipv6_ra_mode: T.Optional(T.Null()),
})
export const SubnetUpdate = object(subnet)

const FixedIps = T.Array(object({ subnet_id: T.Optional(Id), ip_address: T.Optional(Address) }), { maxItems: 16 })
const port = {
  name: T.Optional(Text),
  description: T.Optional(Text),
  admin_state_up: T.Optional(T.Boolean()),
  device_id: T.Optional(Text),
  device_owner: T.Optional(Text),
  fixed_ips: T.Optional(FixedIps),
  security_groups: T.Optional(T.Array(Id, { maxItems: 64 })),
  'binding:host_id': T.Optional(Text),
  'binding:vnic_type': Always('normal'),
  'binding:profile': T.Optional(T.Union([T.Null(), object({})])),
  port_security_enabled: T.Optional(T.Boolean()),
  allowed_address_pairs: T.Optional(
    T.Array(object({ ip_address: Cidr, mac_address: T.Optional(Mac) }), { maxItems: 64 }),
  ),
  extra_dhcp_opts: T.Optional(
    T.Array(
      object({
        opt_name: T.String({ minLength: 1, maxLength: 64, pattern: '^[a-z0-9:._-]+$' }),
        opt_value: T.Union([T.String({ maxLength: 255, pattern: '^[^\\r\\n]*$' }), T.Null()]),
        ip_version: T.Optional(T.Union([T.Literal(4), T.Literal(6), T.Literal('4'), T.Literal('6')])),
      }),
      { maxItems: 20 },
    ),
  ),
}
export const PortCreate = object({
  ...port,
  network_id: Id,
  mac_address: T.Optional(Mac),
  project_id: Project,
  tenant_id: Project,
})
export const PortUpdate = object(port)

const group = { name: T.Optional(Text), description: T.Optional(Text), stateful: Always(true) }
export const SecurityGroupCreate = object({ ...group, project_id: Project, tenant_id: Project })
export const SecurityGroupUpdate = object(group)

const Optional = <S extends TSchema>(schema: S) => T.Optional(T.Union([schema, T.Null()]))
const PortNumber = T.Integer({ minimum: 0, maximum: 65_535 })
export const SecurityGroupRuleCreate = object({
  security_group_id: Id,
  direction: T.Union([T.Literal('ingress'), T.Literal('egress')]),
  ethertype: T.Optional(T.Union([T.Literal('IPv4'), T.Literal('IPv6')])),
  protocol: Optional(T.Union([T.String({ maxLength: 40 }), T.Integer({ minimum: 0, maximum: 255 })])),
  port_range_min: Optional(PortNumber),
  port_range_max: Optional(PortNumber),
  remote_ip_prefix: Optional(Cidr),
  remote_group_id: Optional(Id),
  remote_address_group_id: T.Optional(T.Null()),
  description: Optional(Text),
  project_id: Project,
  tenant_id: Project,
})

const GatewayInfo = T.Union([
  T.Null(),
  object({}),
  object({
    network_id: Id,
    enable_snat: T.Optional(T.Boolean()),
    external_fixed_ips: T.Optional(FixedIps),
  }),
])
const router = {
  name: T.Optional(Text),
  description: T.Optional(Text),
  admin_state_up: T.Optional(T.Boolean()),
  external_gateway_info: T.Optional(GatewayInfo),
  distributed: Always(false),
  ha: Always(false),
}
const Routes = T.Array(object({ destination: Cidr, nexthop: Address }), { maxItems: 30 })
export const RouterCreate = object({
  ...router,
  project_id: Project,
  tenant_id: Project,
  flavor_id: T.Optional(T.Null()),
  availability_zone_hints: Empty,
})
export const RouterUpdate = object({ ...router, routes: Optional(Routes) })
export const RouterInterfaceBody = object({ subnet_id: T.Optional(Id), port_id: T.Optional(Id) })

const floatingIp = {
  description: T.Optional(Text),
  port_id: Optional(Id),
  fixed_ip_address: Optional(Address),
}
export const FloatingIpCreate = object({
  ...floatingIp,
  floating_network_id: Id,
  subnet_id: Optional(Id),
  floating_ip_address: Optional(Address),
  project_id: Project,
  tenant_id: Project,
})
export const FloatingIpUpdate = object(floatingIp)

/** Neutron's bound of a tag, which may not have a comma, since lists of them are separated by it. */
export const Tag = T.String({ minLength: 1, maxLength: 60, pattern: '^[^,]+$' })
export const TagsBody = object({ tags: T.Array(Tag, { maxItems: 50 }) })

const Limit = T.Optional(T.Integer({ minimum: -1, maximum: 2_147_483_647 }))
export const QuotaUpdate = object({
  network: Limit,
  subnet: Limit,
  port: Limit,
  router: Limit,
  floatingip: Limit,
  security_group: Limit,
  security_group_rule: Limit,
  project_id: Project,
  tenant_id: Project,
})
