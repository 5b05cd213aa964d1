import { Type as T } from '@sinclair/typebox'
import type { Compute, ProxiedFloatingIp, ProxiedNetwork } from '../../compute/index.ts'
import { Text } from './fields.ts'
import { bodyShape, resource, route } from './route.ts'

/** What Nova's networks once told, of which a network of the network service has nothing. */
const FOR_ALL = ['cidr', 'netmask', 'gateway', 'broadcast', 'dns1', 'dns2', 'cidr_v6', 'gateway_v6', 'netmask_v6']
const FOR_ADMINS = [
  'created_at',
  'updated_at',
  'deleted_at',
  'deleted',
  'injected',
  'bridge',
  'vlan',
  'vpn_public_address',
  'vpn_public_port',
  'vpn_private_address',
  'dhcp_start',
  'project_id',
  'host',
  'bridge_interface',
  'multi_host',
  'priority',
  'rxtx_base',
  'mtu',
  'dhcp_server',
  'enable_dhcp',
  'share_address',
]
const nothing = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, null]))
const EMPTY = nothing(FOR_ALL)
const EMPTY_FOR_ADMINS = nothing([...FOR_ALL, ...FOR_ADMINS])

const networkView = ({ id, name }: ProxiedNetwork, isAdmin: boolean) => ({
  ...(isAdmin ? EMPTY_FOR_ADMINS : EMPTY),
  id,
  label: name,
})
/** A text, as it was one where the network had no range of its own. */
const projectNetworkView = ({ id, name }: ProxiedNetwork) => ({ id, label: name, cidr: 'None' })

const floatingIpView = ({ id, address, fixed_address, server_id, pool }: ProxiedFloatingIp) => ({
  id,
  ip: address,
  fixed_ip: fixed_address,
  instance_id: server_id,
  pool,
})

const Allocate = bodyShape('floating_ip.create', {}, () => T.Object({ pool: T.Optional(T.Union([Text, T.Null()])) }))

const until = '2.35'

/** Networks and floating addresses as Nova handed them on until 2.35. */
export function networkProxy({ proxies: { networks } }: Compute) {
  return resource('os-networks', [
    route('GET', '/os-networks', {
      until,
      policy: 'os_compute_api:os-networks:list',
      ok: 200,
      handle: async ({ ctx }) => ({
        networks: (await networks.networks(ctx)).map((network) => networkView(network, ctx.isAdmin)),
      }),
    }),
    route('GET', '/os-networks/:id', {
      until,
      policy: 'os_compute_api:os-networks:show',
      ok: 200,
      handle: async ({ ctx, params }) => ({
        network: networkView(await networks.network(ctx, params.id!), ctx.isAdmin),
      }),
    }),
    route('GET', '/os-tenant-networks', {
      until,
      policy: 'os_compute_api:os-tenant-networks:list',
      ok: 200,
      handle: async ({ ctx }) => ({ networks: (await networks.networks(ctx)).map(projectNetworkView) }),
    }),
    route('GET', '/os-tenant-networks/:id', {
      until,
      policy: 'os_compute_api:os-tenant-networks:show',
      ok: 200,
      handle: async ({ ctx, params }) => ({ network: projectNetworkView(await networks.network(ctx, params.id!)) }),
    }),

    route('GET', '/os-floating-ip-pools', {
      until,
      policy: 'os_compute_api:os-floating-ip-pools',
      ok: 200,
      handle: async ({ ctx }) => ({ floating_ip_pools: (await networks.pools(ctx)).map(({ name }) => ({ name })) }),
    }),
    route('GET', '/os-floating-ips', {
      until,
      policy: 'os_compute_api:os-floating-ips:list',
      ok: 200,
      handle: async ({ ctx }) => ({ floating_ips: (await networks.floatingIps(ctx)).map(floatingIpView) }),
    }),
    route('POST', '/os-floating-ips', {
      until,
      policy: 'os_compute_api:os-floating-ips:create',
      body: Allocate,
      ok: 200,
      handle: async ({ ctx, body }) => ({
        floating_ip: floatingIpView(await networks.allocateFloatingIp(ctx, body.pool ?? null)),
      }),
    }),
    route('GET', '/os-floating-ips/:id', {
      until,
      policy: 'os_compute_api:os-floating-ips:show',
      ok: 200,
      handle: async ({ ctx, params }) => ({
        floating_ip: floatingIpView(await networks.floatingIp(ctx, params.id!)),
      }),
    }),
    route('DELETE', '/os-floating-ips/:id', {
      until,
      policy: 'os_compute_api:os-floating-ips:delete',
      ok: 202,
      handle: ({ ctx, params }) => networks.releaseFloatingIp(ctx, params.id!),
    }),
  ])
}
