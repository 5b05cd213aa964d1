import { Type as T } from '@sinclair/typebox'
import { at, behaviour, readHistory, request, view } from './changes.ts'
import type { FlavorSource } from './views/flavors.ts'
import type { HypervisorSource } from './views/hypervisors.ts'
import type { LimitsSource } from './views/limits.ts'
import type { ServerGroupSource } from './views/server-groups.ts'
import type { ServerSource } from './views/servers.ts'
import type { ServiceSource } from './views/services.ts'
import { CountText, FlavorSortKey, Many, PlainKeypairName, RxtxFactor } from './fields.ts'
import { ExternalEvents } from './external-event-fields.ts'
import * as older from './older.ts'
import { BlockDeviceOf, Hostname, NetworksOf, Personality, ServerSortKey } from './server-fields.ts'

/**
 * What each microversion changed, for all that this API has. The handlers, schemas and views know the newest form only,
 * up to 2.104; `MAX_VERSION` says how much of it is offered. Source: Nova's REST API version history.
 */
export const history = [
  at(
    '2.2',
    view('keypair', 'keypair.created', 'keypair.listed').gains('type'),
    request('keypair.create').gains('type'),
  ),
  at(
    '2.3',
    view<ServerSource>('server').gains(
      'OS-EXT-SRV-ATTR:reservation_id',
      'OS-EXT-SRV-ATTR:launch_index',
      'OS-EXT-SRV-ATTR:kernel_id',
      'OS-EXT-SRV-ATTR:ramdisk_id',
      'OS-EXT-SRV-ATTR:root_device_name',
      'OS-EXT-SRV-ATTR:user_data',
      'OS-EXT-SRV-ATTR:hostname',
    ),
    view<ServerSource>('server').reshapes('os-extended-volumes:volumes_attached', older.volumesWithoutDeletion),
  ),
  at('2.5', behaviour('filter-by-ip6')),
  at('2.7', behaviour('public-flavor-takes-no-access')),
  at('2.9', view('server', 'server.updated', 'server.rebuilt').gains('locked')),
  at(
    '2.10',
    request('keypair.create').gains('user_id'),
    request('keypairs').gains('user_id'),
    request('keypair').gains('user_id'),
  ),
  at(
    '2.11',
    view('service').gains('forced_down'),
    request('service.change').gains('forced_down'),
    behaviour('services-are-forced-down'),
  ),
  at('2.13', view('server_group').gains('project_id', 'user_id')),
  at('2.15', request('server_group.create').reshapes({ policies: older.groupPolicies('anti-affinity', 'affinity') })),
  at('2.16', view('server', 'server.updated', 'server.rebuilt').gains('host_status'), behaviour('host-status')),
  at(
    '2.19',
    view('server', 'server.updated', 'server.rebuilt').gains('description'),
    request('server.create').gains('description'),
    request('server.update').gains('description'),
    request('server.rebuild').gains('description'),
    behaviour('description-is-its-own'),
  ),
  at('2.21', behaviour('actions-of-deleted-servers')),
  at(
    '2.26',
    view('server', 'server.updated', 'server.rebuilt').gains('tags'),
    request('servers').gains('tags', 'tags-any', 'not-tags', 'not-tags-any'),
  ),
  at(
    '2.28',
    view('hypervisor').reshapes('cpu_info', (info) => JSON.stringify(info)),
  ),
  at(
    '2.32',
    request('server.create').reshapes({
      networks: NetworksOf({ tag: false, strict: false }),
      block_device_mapping_v2: BlockDeviceOf({ tag: false, volume_type: false }),
    }),
  ),
  at(
    '2.33',
    request('server.create').reshapes({ block_device_mapping_v2: BlockDeviceOf({ tag: true, volume_type: false }) }),
    request('hypervisors').gains('limit', 'marker'),
    behaviour('hypervisors-in-pages'),
  ),
  at('2.35', request('keypairs').gains('limit', 'marker'), behaviour('keypairs-in-pages')),
  at(
    '2.36',
    view<LimitsSource>('limits').loses({
      maxTotalFloatingIps: older.unlimited,
      totalFloatingIpsUsed: older.nothing,
      maxSecurityGroups: older.unlimited,
      totalSecurityGroupsUsed: older.nothing,
      maxSecurityGroupRules: older.unlimited,
    }),
    view('quota_set').loses(older.networkQuotas),
    view('quota_set.detail').loses(older.networkQuotaDetails),
    request('quota.update').loses(older.networkQuotaFields),
  ),
  at('2.37', request('server.create').reshapes({ networks: NetworksOf({ tag: true, strict: false }) })),
  at('2.38', behaviour('unknown-status-is-refused')),
  at('2.39', view<LimitsSource>('limits').loses({ maxImageMeta: (limits) => limits.metadata_items })),
  at(
    '2.40',
    request('usages').gains('limit', 'marker'),
    request('usage').gains('limit', 'marker'),
    behaviour('usage-in-pages'),
  ),
  at('2.41', view('aggregate', 'aggregate.created').gains('uuid')),
  at(
    '2.42',
    request('server.create').reshapes({
      networks: NetworksOf({ tag: false, strict: true }),
      block_device_mapping_v2: BlockDeviceOf({ tag: false, volume_type: false }),
    }),
  ),
  at('2.47', view<ServerSource>('server', 'server.updated', 'server.rebuilt').reshapes('flavor', older.flavorReference)),
  at('2.49', request('volume_attachment.create').gains('tag')),
  at(
    '2.50',
    view('quota_class_set').gains('server_groups', 'server_group_members'),
    view('quota_class_set').loses(older.networkQuotas),
    request('quota_class.update').loses(older.networkQuotaFields),
  ),
  at(
    '2.51',
    behaviour('own-action-events'),
    request('external_events').reshapes({ events: ExternalEvents(0) }),
  ),
  at('2.52', request('server.create').gains('tags')),
  at(
    '2.53',
    view<ServiceSource>('service').reshapes('id', (_uuid, { service }) => service.id),
    view<HypervisorSource>('hypervisor', 'hypervisor.brief').reshapes('id', (_uuid, { host }) => host.id),
    view<HypervisorSource>('hypervisor').reshapes('service', older.serviceByNumber),
    request('hypervisors').gains('hypervisor_hostname_pattern', 'with_servers'),
    request('hypervisors').closes(),
    request('hypervisors').reshapes({ limit: Many(CountText), marker: Many(T.String()) }),
    request('hypervisor').gains('with_servers'),
    request('hypervisor').closes(),
    behaviour('hosts-by-uuid'),
  ),
  at('2.54', view('server.rebuilt').gains('key_name'), request('server.rebuild').gains('key_name')),
  at('2.55', view('flavor', 'flavor.brief').gains('description'), request('flavor.create').gains('description')),
  at(
    '2.57',
    view('limits').loses({ maxPersonality: older.injectedFiles, maxPersonalitySize: older.injectedFileBytes }),
    view('quota_set').loses(older.injectionQuotas),
    view('quota_set.detail').loses(older.injectionQuotaDetails),
    view('quota_class_set').loses(older.injectionQuotas),
    request('quota_class.update').loses(older.injectionQuotaFields),
    request('quota.update').loses(older.injectionQuotaFields),
    request('server.create').loses({ personality: Personality }),
    view('server.rebuilt').gains('user_data'),
    request('server.rebuild').gains('user_data'),
    request('server.rebuild').loses({ personality: Personality }),
  ),
  at(
    '2.58',
    view('action', 'action.listed').gains('updated_at'),
    request('actions').gains('limit', 'marker', 'changes-since'),
    request('actions').closes(),
    behaviour('actions-in-pages'),
  ),
  at(
    '2.59',
    request('migrations').gains('limit', 'marker', 'changes-since'),
    request('migrations').closes(),
  ),
  at('2.61', view<FlavorSource>('flavor').gains('extra_specs')),
  at('2.62', view('action.event').gains('hostId', 'host')),
  at(
    '2.63',
    view('server', 'server.updated', 'server.rebuilt').gains('trusted_image_certificates'),
    request('server.create').gains('trusted_image_certificates'),
    request('server.rebuild').gains('trusted_image_certificates'),
  ),
  at(
    '2.64',
    view('server_group').gains('policy', 'rules'),
    view<ServerGroupSource>('server_group').loses({ policies: ({ policy }) => [policy], metadata: () => ({}) }),
    request('server_group.create').gains('policy', 'rules'),
    request('server_group.create').loses({
      policies: older.groupPolicies('anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity'),
    }),
  ),
  at(
    '2.66',
    request('servers').gains('changes-before'),
    request('actions').gains('changes-before'),
    request('migrations').gains('changes-before'),
  ),
  at(
    '2.67',
    request('server.create').reshapes({ block_device_mapping_v2: BlockDeviceOf({ tag: true, volume_type: false }) }),
  ),
  at('2.69', behaviour('unreachable-cells')),
  at('2.70', view('interface').gains('tag')),
  at('2.71', view('server', 'server.updated', 'server.rebuilt', 'server.unreachable').gains('server_groups')),
  at(
    '2.73',
    view('server', 'server.updated', 'server.rebuilt').gains('locked_reason'),
    request('server.lock').reshapes({ lock: T.Unknown() }),
    behaviour('lock-takes-a-reason'),
    request('servers').gains('locked'),
    request('servers').reshapes({ sort_key: Many(ServerSortKey({ locked: false, legacy: true })) }),
  ),
  at('2.74', request('server.create').gains('host', 'hypervisor_hostname')),
  at(
    '2.75',
    view('server.updated').gains(...older.NOT_IN_UPDATED),
    view('server.rebuilt').gains(...older.NOT_IN_UPDATED.filter((key) => key !== 'key_name')),
    view('server.updated', 'server.rebuilt').reshapes('addresses', older.addressesWithoutType),
    view('flavor').reshapes('swap', older.blankForZero),
    view('hypervisor', 'hypervisor.brief').reshapes('servers', older.absentWhenEmpty),
    request('servers').reshapes({ sort_key: Many(ServerSortKey({ locked: true, legacy: true })) }),
    ...[
      'servers',
      'flavors',
      'keypairs',
      'keypair',
      'limits',
      'quota',
      'services',
      'volume_attachments',
      'assisted_snapshot',
      'server_groups',
      'usages',
      'usage',
    ].map((name) => request(name).closes()),
  ),
  at('2.76', request('external_events').reshapes({ events: ExternalEvents(1) })),
  at('2.79', request('volume_attachment.create').gains('delete_on_termination')),
  at('2.80', request('migrations').gains('user_id', 'project_id')),
  at('2.82', request('external_events').reshapes({ events: ExternalEvents(2) })),
  at('2.83', behaviour('everybody-filters')),
  at('2.84', view('action.event').gains('details')),
  at(
    '2.85',
    request('volume_attachment.update').gains('device', 'tag', 'delete_on_termination', 'serverId', 'id'),
  ),
  at('2.86', behaviour('extra-specs-are-checked')),
  at(
    '2.88',
    view('hypervisor').gains('uptime'),
    view<HypervisorSource>('hypervisor').loses(older.hypervisorUse),
    behaviour('hypervisors-show-uptime'),
  ),
  at(
    '2.90',
    view('server').reshapes('OS-EXT-SRV-ATTR:hostname', older.hostnameForAdmins),
    view('server.updated', 'server.rebuilt').reshapes('OS-EXT-SRV-ATTR:hostname', older.hostnameForAdmins),
    request('server.create').gains('hostname'),
    request('server.update').gains('hostname'),
    request('server.rebuild').gains('hostname'),
    behaviour('filter-by-hostname'),
  ),
  at('2.92', request('keypair.create').reshapes({ name: PlainKeypairName, public_key: T.Optional(T.String()) })),
  at('2.93', request('external_events').reshapes({ events: ExternalEvents(3) })),
  at(
    '2.94',
    request('server.create').reshapes({ hostname: T.Optional(Hostname) }),
    request('server.update').reshapes({ hostname: T.Optional(Hostname) }),
    request('server.rebuild').reshapes({ hostname: T.Optional(Hostname) }),
  ),
  at('2.96', view('server', 'server.updated', 'server.rebuilt').gains('pinned_availability_zone')),
  at('2.98', view('server', 'server.updated', 'server.rebuilt').reshapes('image', older.imageWithoutProperties)),
  at('2.100', view('server', 'server.updated', 'server.rebuilt').gains('scheduler_hints')),
  at(
    '2.102',
    view<FlavorSource>('flavor').loses({
      rxtx_factor: (flavor) => flavor.rxtx_factor,
      'OS-FLV-DISABLED:disabled': (flavor) => flavor.disabled,
    }),
    request('flavor.create').loses({ rxtx_factor: T.Optional(RxtxFactor) }),
    request('flavors').gains('name'),
    ...['hosts', 'volume_proxies', 'images', 'security_groups'].map((name) => request(name).closes()),
    behaviour('every-query-is-closed'),
    request('flavors').reshapes({ sort_key: Many(FlavorSortKey({ rxtx: true })) }),
  ),
  at('2.104', request('server.update').gains('pinned_availability_zone')),
]

export const changes = readHistory(history)
