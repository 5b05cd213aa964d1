import type { VersionText } from '../../src/api/compute/version.ts'

/**
 * How each of Nova's samples is spoken: which request it is the body of, or the answer to. `:words` are replaced by what
 * the test has made: `:server` is a new one that runs, for each exchange.
 */
export interface Exchange {
  readonly call: `${'GET' | 'POST' | 'PUT' | 'DELETE'} ${string}`
  /** Sample of the body; absent: there is none. */
  readonly request?: string
  /** Sample of the answer; absent: the status says all. */
  readonly answer?: string
  readonly since?: VersionText
  readonly until?: VersionText
  readonly as?: 'member'
  /** Asked before, by an administrator, with the body that follows. */
  readonly before?: readonly (readonly [call: Exchange['call'], body?: unknown])[]
  /** Asked afterwards, so that the next version finds things as they were. */
  readonly after?: (answer: any) => Exchange['call']
  /** The state the server is in. */
  readonly state?: string
  /** The host it is on; `dead` is one that is down. */
  readonly on?: 'dead'
}

const flavorGone = (): Exchange['call'] => 'DELETE /flavors/10'
const PRIVATE_FLAVOR = {
  flavor: { name: 'test_flavor', ram: 1024, vcpus: 2, disk: 10, id: '10', 'os-flavor-access:is_public': false },
}
const withAccess = [
  ['POST /flavors', PRIVATE_FLAVOR],
  ['POST /flavors/10/action', { addTenantAccess: { tenant: '22222222222222222222222222222222' } }],
] as const
const SPECS = { extra_specs: { 'hw:numa_nodes': '1', 'hw:cpu_policy': 'shared' } }
const withSpecs = [
  ['POST /flavors', PRIVATE_FLAVOR],
  ['POST /flavors/10/os-extra_specs', SPECS],
] as const

const of = (api: string, exchanges: readonly Exchange[]): readonly Exchange[] =>
  exchanges.map((each) => ({
    ...each,
    ...(each.request ? { request: `${api}/${each.request}` } : {}),
    ...(each.answer ? { answer: `${api}/${each.answer}` } : {}),
  }))

const SERVER_ACTION = 'POST /servers/:server/action'

export const exchanges: readonly Exchange[] = [
  ...of('extension-info', [
    { call: 'GET /extensions', answer: 'extensions-list-resp' },
    { call: 'GET /extensions/os-agents', answer: 'extensions-get-resp' },
  ]),
  ...of('flavors', [
    { call: 'GET /flavors/1', answer: 'flavor-get-resp' },
    { call: 'GET /flavors/detail', answer: 'flavors-detail-resp' },
    { call: 'GET /flavors', answer: 'flavors-list-resp' },
  ]),
  ...of('flavor-manage', [
    { call: 'POST /flavors', request: 'flavor-create-post-req', answer: 'flavor-create-post-resp', after: flavorGone },
    { call: 'PUT /flavors/1', request: 'flavor-update-req', answer: 'flavor-update-resp' },
  ]),
  ...of('flavor-access', [
    { call: 'POST /flavors', request: 'flavor-create-req', after: flavorGone },
    {
      call: 'POST /flavors/10/action',
      request: 'flavor-access-add-tenant-req',
      answer: 'flavor-access-add-tenant-resp',
      before: [['POST /flavors', PRIVATE_FLAVOR]],
      after: flavorGone,
    },
    { call: 'GET /flavors/10/os-flavor-access', answer: 'flavor-access-list-resp', before: withAccess, after: flavorGone },
  ]),
  ...of('flavor-extra-specs', [
    {
      call: 'POST /flavors/10/os-extra_specs',
      request: 'flavor-extra-specs-create-req',
      answer: 'flavor-extra-specs-create-resp',
      before: [['POST /flavors', PRIVATE_FLAVOR]],
      after: flavorGone,
    },
    {
      call: 'GET /flavors/10/os-extra_specs/hw:numa_nodes',
      answer: 'flavor-extra-specs-get-resp',
      before: withSpecs,
      after: flavorGone,
    },
    {
      call: 'GET /flavors/10/os-extra_specs',
      answer: 'flavor-extra-specs-list-resp',
      before: withSpecs,
      after: flavorGone,
    },
    {
      call: 'PUT /flavors/10/os-extra_specs/hw:numa_nodes',
      request: 'flavor-extra-specs-update-req',
      answer: 'flavor-extra-specs-update-resp',
      before: withSpecs,
      after: flavorGone,
    },
  ]),
  ...of('images', [
    { call: 'GET /images/:image', answer: 'image-get-resp' },
    { call: 'GET /images/:image/metadata/kernel_id', answer: 'image-meta-key-get' },
    {
      call: 'PUT /images/:image/metadata/auto_disk_config',
      request: 'image-meta-key-put-req',
      answer: 'image-meta-key-put-resp',
    },
    { call: 'GET /images/:image/metadata', answer: 'image-metadata-get-resp' },
    { call: 'POST /images/:image/metadata', request: 'image-metadata-post-req', answer: 'image-metadata-post-resp' },
    { call: 'PUT /images/:image/metadata', request: 'image-metadata-put-req', answer: 'image-metadata-put-resp' },
    { call: 'GET /images', answer: 'images-list-get-resp' },
    { call: 'GET /images/detail', answer: 'images-details-get-resp' },
  ]),
  ...of('limits', [{ call: 'GET /limits', answer: 'limit-get-resp' }]),

  ...of('servers', [
    { call: 'GET /servers/:server', answer: 'server-get-resp', until: '2.89' },
    { call: 'GET /servers/:server', answer: 'server-get-resp', since: '2.90', as: 'member' },
    { call: 'GET /servers', answer: 'servers-list-resp', as: 'member' },
    { call: 'GET /servers/detail?all_tenants=1', answer: 'servers-details-resp', until: '2.89' },
    { call: 'GET /servers/detail', answer: 'servers-details-resp', since: '2.90', as: 'member' },
    { call: 'GET /servers?status=ACTIVE', answer: 'servers-list-status-resp', as: 'member' },
    { call: 'GET /servers?changes-before=:later', answer: 'servers-list-with-changes-before', as: 'member' },
    { call: 'GET /servers/detail?changes-before=:later&all_tenants=1', answer: 'servers-details-with-changes-before' },
    { call: 'POST /servers', request: 'server-create-req', answer: 'server-create-resp' },
    { call: 'POST /servers', request: 'server-create-req-v237', answer: 'server-create-resp', since: '2.37', until: '2.56' },
    { call: 'POST /servers', request: 'server-create-req-v257', answer: 'server-create-resp', since: '2.57' },
    { call: 'POST /servers', request: 'server-create-req-with-host-and-node', answer: 'server-create-resp' },
    { call: 'POST /servers', request: 'server-create-req-with-only-host', answer: 'server-create-resp' },
    { call: 'POST /servers', request: 'server-create-req-with-only-node', answer: 'server-create-resp' },
    { call: 'PUT /servers/:server', request: 'server-update-req', answer: 'server-update-resp', until: '2.89' },
    {
      call: 'PUT /servers/:server',
      request: 'server-update-req',
      answer: 'server-update-resp',
      since: '2.90',
      as: 'member',
    },
    { call: 'PUT /servers/:server', request: 'server-put-req', answer: 'server-put-resp' },
    { call: 'POST /os-server-groups', request: 'server-groups-post-req', answer: 'server-groups-post-resp' },
    { call: SERVER_ACTION, request: 'server-action-rebuild', answer: 'server-action-rebuild-resp', until: '2.89' },
    {
      call: SERVER_ACTION,
      request: 'server-action-rebuild',
      answer: 'server-action-rebuild-resp',
      since: '2.90',
      as: 'member',
    },
    { call: SERVER_ACTION, request: 'server-action-reboot' },
    { call: SERVER_ACTION, request: 'server-action-stop' },
    { call: SERVER_ACTION, request: 'server-action-start', state: 'stopped' },
    { call: SERVER_ACTION, request: 'server-action-resize' },
    { call: SERVER_ACTION, request: 'server-action-trigger-crash-dump' },
    { call: SERVER_ACTION, request: 'server-action-create-image', answer: 'server-action-create-image-resp' },
    { call: SERVER_ACTION, request: 'lock-server-with-reason' },
  ]),
  ...of('os-multiple-create', [
    { call: 'POST /servers', request: 'multiple-create-post-req', answer: 'multiple-create-post-resp' },
    { call: 'POST /servers', request: 'multiple-create-no-resv-post-req', answer: 'multiple-create-no-resv-post-resp' },
  ]),
  ...of('servers-sort', [
    { call: 'GET /servers?sort_key=created_at&sort_dir=asc', answer: 'server-sort-keys-list-resp', as: 'member' },
  ]),
  ...of('server-ips', [
    { call: 'GET /servers/:server/ips', answer: 'server-ips-resp' },
    { call: 'GET /servers/:server/ips/private', answer: 'server-ips-network-resp' },
  ]),
  ...of('server-metadata', [
    { call: 'PUT /servers/:server/metadata', request: 'server-metadata-all-req', answer: 'server-metadata-all-resp' },
    { call: 'PUT /servers/:server/metadata/foo', request: 'server-metadata-req', answer: 'server-metadata-resp' },
  ]),
  ...of('os-server-tags', [
    { call: 'GET /servers/:server/tags', answer: 'server-tags-index-resp' },
    { call: 'PUT /servers/:server/tags', request: 'server-tags-put-all-req', answer: 'server-tags-put-all-resp' },
    { call: 'GET /servers/:server', answer: 'server-tags-show-details-resp', as: 'member' },
    { call: 'GET /servers/detail', answer: 'servers-tags-details-resp', as: 'member' },
  ]),
  ...of('os-security-groups', [
    { call: 'GET /servers/:server/os-security-groups', answer: 'server-security-groups-list-resp' },
    {
      call: 'POST /os-security-groups',
      request: 'security-group-post-req',
      answer: 'security-groups-create-resp',
      after: (answer) => `DELETE /os-security-groups/${answer.security_group.id}`,
    },
    {
      call: 'POST /os-security-group-rules',
      request: 'security-group-rules-post-req',
      answer: 'security-group-rules-post-resp',
    },
    { call: SERVER_ACTION, request: 'security-group-add-post-req' },
    { call: SERVER_ACTION, request: 'security-group-remove-post-req' },
    { call: 'GET /os-security-groups/:securitygroup', answer: 'security-groups-get-resp' },
    { call: 'GET /os-security-groups', answer: 'security-groups-list-get-resp' },
  ]),
  ...of('os-networks', [
    { call: 'GET /os-networks/:network', answer: 'network-show-resp' },
    { call: 'GET /os-networks', answer: 'networks-list-resp' },
  ]),
  ...of('os-tenant-networks', [{ call: 'GET /os-tenant-networks', answer: 'networks-list-res' }]),
  ...of('os-floating-ip-pools', [{ call: 'GET /os-floating-ip-pools', answer: 'floatingippools-list-resp' }]),
  ...of('os-attach-interfaces', [
    { call: 'GET /servers/:server/os-interface', answer: 'attach-interfaces-list-resp' },
    { call: 'GET /servers/:server/os-interface/:port', answer: 'attach-interfaces-show-resp' },
  ]),
  ...of('os-lock-server', [
    { call: SERVER_ACTION, request: 'lock-server' },
    { call: SERVER_ACTION, request: 'lock-server-with-reason' },
    { call: SERVER_ACTION, request: 'unlock-server' },
  ]),
  ...of('os-admin-actions', [
    { call: SERVER_ACTION, request: 'admin-actions-reset-server-state' },
    { call: SERVER_ACTION, request: 'admin-actions-inject-network-info' },
  ]),
  ...of('os-admin-password', [{ call: SERVER_ACTION, request: 'admin-password-change-password' }]),
  ...of('os-create-backup', [
    { call: SERVER_ACTION, request: 'create-backup-req', answer: 'create-backup-resp' },
  ]),
  ...of('os-deferred-delete', [
    { call: SERVER_ACTION, request: 'force-delete-post-req' },
    { call: SERVER_ACTION, request: 'restore-post-req', state: 'soft-delete' },
  ]),
  ...of('os-shelve', [
    { call: SERVER_ACTION, request: 'os-shelve' },
    { call: SERVER_ACTION, request: 'os-shelve-offload', state: 'shelved' },
    { call: SERVER_ACTION, request: 'os-unshelve', state: 'shelved_offloaded' },
  ]),
  ...of('os-preserve-ephemeral-rebuild', [
    {
      call: SERVER_ACTION,
      request: 'server-action-rebuild-preserve-ephemeral',
      answer: 'server-action-rebuild-preserve-ephemeral-resp',
    },
  ]),
  ...of('os-migrations', [
    { call: 'GET /os-migrations?instance_uuid=:acted', answer: 'migrations-get' },
    { call: 'GET /os-migrations?migration_type=resize&limit=1', answer: 'migrations-get-with-limit' },
    { call: 'GET /os-migrations?marker=:migration', answer: 'migrations-get-with-marker' },
    { call: 'GET /os-migrations?migration_type=resize&changes-since=2011-01-01', answer: 'migrations-get-with-changes-since' },
    { call: 'GET /os-migrations?instance_uuid=:acted&changes-before=:later', answer: 'migrations-get-with-changes-before' },
    { call: 'GET /os-migrations?user_id=mover', answer: 'migrations-get-with-user-or-project-id' },
  ]),
  ...of('server-migrations', [
    { call: 'GET /servers/:acted/migrations', answer: 'migrations-index' },
    { call: 'GET /servers/:acted/migrations/:migrationnumber', answer: 'migrations-get' },
  ]),
  ...of('os-migrate-server', [{ call: SERVER_ACTION, request: 'migrate-server-null' }]),
  ...of('os-evacuate', [
    {
      call: SERVER_ACTION,
      request: 'server-evacuate-find-host-req',
      answer: 'server-evacuate-find-host-resp',
      on: 'dead',
      until: '2.13',
    },
    { call: SERVER_ACTION, request: 'server-evacuate-find-host-req', on: 'dead', since: '2.14' },
  ]),
  ...of('os-server-diagnostics', [
    { call: 'GET /servers/:server/diagnostics', answer: 'server-diagnostics-get-resp' },
  ]),
  ...of('os-server-password', [{ call: 'GET /servers/:server/os-server-password', answer: 'get-password-resp' }]),
  ...of('os-console-output', [
    { call: SERVER_ACTION, request: 'console-output-post-req', answer: 'console-output-post-resp' },
  ]),
  ...of('os-pause-server', [
    { call: SERVER_ACTION, request: 'pause-server' },
    { call: SERVER_ACTION, request: 'unpause-server', state: 'paused' },
  ]),
  ...of('os-suspend-server', [
    { call: SERVER_ACTION, request: 'server-suspend' },
    { call: SERVER_ACTION, request: 'server-resume', state: 'suspended' },
  ]),
  ...of('os-rescue', [
    { call: SERVER_ACTION, request: 'server-rescue-req', answer: 'server-rescue' },
    { call: SERVER_ACTION, request: 'server-unrescue-req', state: 'rescued' },
    { call: SERVER_ACTION, request: 'server-rescue-req-with-image-ref', answer: 'server-rescue' },
    { call: 'GET /servers/:server', answer: 'server-get-resp-rescue', as: 'member', state: 'rescued' },
    { call: 'GET /servers/:server', answer: 'server-get-resp-unrescue', as: 'member' },
  ]),
  ...of('os-instance-actions', [
    { call: 'GET /servers/:acted/os-instance-actions', answer: 'instance-actions-list-resp' },
    { call: 'GET /servers/:acted/os-instance-actions/:request', answer: 'instance-action-get-resp' },
    {
      call: 'GET /servers/:acted/os-instance-actions/:request',
      answer: 'instance-action-get-non-admin-resp',
      as: 'member',
    },
    { call: 'GET /servers/:acted/os-instance-actions?limit=1', answer: 'instance-actions-list-with-limit-resp' },
    {
      call: 'GET /servers/:acted/os-instance-actions?changes-before=:later',
      answer: 'instance-actions-list-with-changes-before',
    },
    {
      call: 'GET /servers/:acted/os-instance-actions?changes-since=2011-01-01',
      answer: 'instance-actions-list-with-changes-since',
    },
    { call: 'GET /servers/:acted/os-instance-actions?marker=:newest', answer: 'instance-actions-list-with-marker-resp' },
  ]),
  ...of('os-server-topology', [
    { call: 'GET /servers/:server/topology', answer: 'servers-topology-resp' },
    { call: 'GET /servers/:server/topology', answer: 'servers-topology-resp-user', as: 'member' },
  ]),
  ...of('os-server-shares', [{ call: 'GET /servers/:server/shares', answer: 'server-shares-list-resp' }]),
  ...of('os-volume_attachments', [
    { call: 'GET /servers/:server/os-volume_attachments', answer: 'list-volume-attachments-resp' },
  ]),
  ...of('os-volumes', [
    { call: 'POST /os-volumes', request: 'os-volumes-post-req', answer: 'os-volumes-post-resp' },
    { call: 'GET /os-volumes', answer: 'os-volumes-index-resp' },
    { call: 'GET /os-volumes/detail', answer: 'os-volumes-detail-resp' },
  ]),
  ...of('os-snapshots', [
    { call: 'POST /os-snapshots', request: 'snapshot-create-req', answer: 'snapshot-create-resp' },
    { call: 'GET /os-snapshots', answer: 'snapshots-list-resp' },
    { call: 'GET /os-snapshots/detail', answer: 'snapshots-detail-resp' },
  ]),

  ...of('os-keypairs', [
    {
      call: 'POST /os-keypairs',
      request: 'keypairs-post-req',
      answer: 'keypairs-post-resp',
      after: ({ keypair }) => `DELETE /os-keypairs/${keypair.name}`,
      until: '2.9',
    },
    {
      call: 'POST /os-keypairs',
      request: 'keypairs-post-req',
      answer: 'keypairs-post-resp',
      after: ({ keypair }) => `DELETE /os-keypairs/${encodeURIComponent(keypair.name)}?user_id=${keypair.user_id}`,
      since: '2.10',
    },
    {
      call: 'POST /os-keypairs',
      request: 'keypairs-import-post-req',
      answer: 'keypairs-import-post-resp',
      after: ({ keypair }) => `DELETE /os-keypairs/${encodeURIComponent(keypair.name)}?user_id=${keypair.user_id}`,
    },
    { call: 'GET /os-keypairs/k1', answer: 'keypairs-get-resp', as: 'member' },
    { call: 'GET /os-keypairs', answer: 'keypairs-list-resp', as: 'member' },
    { call: 'GET /os-keypairs?user_id=member-user&limit=1', answer: 'keypairs-list-user1-resp', since: '2.35' },
    { call: 'GET /os-keypairs?user_id=member-user', answer: 'keypairs-list-user2-resp' },
  ]),
  ...of('os-server-groups', [
    { call: 'POST /os-server-groups', request: 'server-groups-post-req', answer: 'server-groups-post-resp' },
    { call: 'GET /os-server-groups/:group', answer: 'server-groups-get-resp' },
    { call: 'GET /os-server-groups?all_projects=1', answer: 'server-groups-list-resp' },
  ]),
  ...['os-quota-sets', 'os-quota-sets-noop'].flatMap((api) =>
    of(api, [
      { call: 'GET /os-quota-sets/:project/defaults', answer: 'quotas-show-defaults-get-resp' },
      { call: 'GET /os-quota-sets/:project/detail', answer: 'quotas-show-detail-get-resp' },
      { call: 'GET /os-quota-sets/:project', answer: 'quotas-show-get-resp' },
      {
        call: 'PUT /os-quota-sets/:project',
        request: 'quotas-update-force-post-req',
        answer: 'quotas-update-force-post-resp',
      },
      { call: 'PUT /os-quota-sets/:project', request: 'quotas-update-post-req', answer: 'quotas-update-post-resp' },
      { call: 'GET /os-quota-sets/:project?user_id=1', answer: 'user-quotas-show-get-resp' },
      {
        call: 'PUT /os-quota-sets/:project?user_id=1',
        request: 'user-quotas-update-post-req',
        answer: 'user-quotas-update-post-resp',
      },
    ]),
  ),
  ...of('os-quota-class-sets', [
    { call: 'GET /os-quota-class-sets/default', answer: 'quota-classes-show-get-resp' },
    {
      call: 'PUT /os-quota-class-sets/gold',
      request: 'quota-classes-update-post-req',
      answer: 'quota-classes-update-post-resp',
    },
  ]),
  ...of('os-simple-tenant-usage', [
    { call: 'GET /os-simple-tenant-usage?start=:since&end=:until', answer: 'simple-tenant-usage-get' },
    { call: 'GET /os-simple-tenant-usage?detailed=1&start=:since&end=:until', answer: 'simple-tenant-usage-get-detail' },
    { call: 'GET /os-simple-tenant-usage/:project?start=:since&end=:until', answer: 'simple-tenant-usage-get-specific' },
    { call: 'GET /os-simple-tenant-usage?detailed=1&start=:since&end=:until', answer: 'simple-tenant-usage-get-all' },
  ]),
  ...of('os-instance-usage-audit-log', [
    { call: 'GET /os-instance_usage_audit_log', answer: 'inst-usage-audit-log-index-get-resp' },
    { call: 'GET /os-instance_usage_audit_log/2026-07-01', answer: 'inst-usage-audit-log-show-get-resp' },
  ]),

  ...of('os-aggregates', [
    {
      call: 'POST /os-aggregates',
      request: 'aggregate-post-req',
      answer: 'aggregate-post-resp',
      after: ({ aggregate }) => `DELETE /os-aggregates/${aggregate.id}`,
    },
    { call: 'PUT /os-aggregates/:spare', request: 'aggregate-update-post-req', answer: 'aggregate-update-post-resp' },
    {
      call: 'POST /os-aggregates/:spare/action',
      request: 'aggregate-metadata-post-req',
      answer: 'aggregates-metadata-post-resp',
    },
    { call: 'POST /os-aggregates/:aggregate/images', request: 'aggregate-images-post-req', since: '2.81' },
    { call: 'GET /os-aggregates/:aggregate', answer: 'aggregates-get-resp' },
    { call: 'GET /os-aggregates', answer: 'aggregates-list-get-resp' },
  ]),
  ...of('os-availability-zone', [
    { call: 'GET /os-availability-zone', answer: 'availability-zone-list-resp' },
    { call: 'GET /os-availability-zone/detail', answer: 'availability-zone-detail-resp' },
  ]),
  ...of('os-hosts', [
    { call: 'GET /os-hosts', answer: 'hosts-list-resp' },
    { call: 'GET /os-hosts/host1', answer: 'host-get-resp' },
    { call: 'PUT /os-hosts/idle', request: 'host-put-maintenance-req', answer: 'host-put-maintenance-resp' },
    { call: 'GET /os-hosts/idle/reboot', answer: 'host-get-reboot' },
    { call: 'GET /os-hosts/idle/shutdown', answer: 'host-get-shutdown' },
    { call: 'GET /os-hosts/idle/startup', answer: 'host-get-startup' },
  ]),
  ...of('os-hypervisors', [
    { call: 'GET /os-hypervisors/detail', answer: 'hypervisors-detail-resp' },
    { call: 'GET /os-hypervisors/detail?with_servers=1', answer: 'hypervisors-detail-with-servers-resp' },
    { call: 'GET /os-hypervisors', answer: 'hypervisors-list-resp' },
    { call: 'GET /os-hypervisors/host1/search', answer: 'hypervisors-search-resp', until: '2.52' },
    { call: 'GET /os-hypervisors?hypervisor_hostname_pattern=host1', answer: 'hypervisors-search-resp', since: '2.53' },
    { call: 'GET /os-hypervisors/:hypervisornumber', answer: 'hypervisors-show-resp', until: '2.52' },
    { call: 'GET /os-hypervisors/:hypervisor', answer: 'hypervisors-show-resp', since: '2.53' },
    { call: 'GET /os-hypervisors/:hypervisor?with_servers=1', answer: 'hypervisors-show-with-servers-resp' },
    { call: 'GET /os-hypervisors/statistics', answer: 'hypervisors-statistics-resp' },
    { call: 'GET /os-hypervisors/:hypervisornumber/uptime', answer: 'hypervisors-uptime-resp', until: '2.52' },
    { call: 'GET /os-hypervisors/:hypervisor/uptime', answer: 'hypervisors-uptime-resp', since: '2.53' },
    { call: 'GET /os-hypervisors/host1/servers', answer: 'hypervisors-with-servers-resp', until: '2.52' },
    { call: 'GET /os-hypervisors?with_servers=1', answer: 'hypervisors-with-servers-resp', since: '2.53' },
    { call: 'GET /os-hypervisors/idle/servers', answer: 'hypervisors-without-servers-resp', until: '2.52' },
    {
      call: 'GET /os-hypervisors?with_servers=1&hypervisor_hostname_pattern=idle',
      answer: 'hypervisors-without-servers-resp',
      since: '2.53',
    },
  ]),
  ...of('os-services', [
    { call: 'GET /os-services?binary=nova-compute', answer: 'services-list-get-resp' },
    ...(['disable', 'enable'] as const).flatMap((verb): Exchange[] => [
      {
        call: `PUT /os-services/${verb}`,
        request: `service-${verb}-put-req`,
        answer: `service-${verb}-put-resp`,
        until: '2.52',
      },
      {
        call: 'PUT /os-services/:service',
        request: `service-${verb}-put-req`,
        answer: `service-${verb}-put-resp`,
        since: '2.53',
      },
    ]),
    {
      call: 'PUT /os-services/disable-log-reason',
      request: 'service-disable-log-put-req',
      answer: 'service-disable-log-put-resp',
      until: '2.52',
    },
    {
      call: 'PUT /os-services/:service',
      request: 'service-disable-log-put-req',
      answer: 'service-disable-log-put-resp',
      since: '2.53',
    },
    {
      call: 'PUT /os-services/force-down',
      request: 'service-force-down-put-req',
      answer: 'service-force-down-put-resp',
      until: '2.52',
    },
    {
      call: 'PUT /os-services/:service',
      request: 'service-force-down-put-req',
      answer: 'service-force-down-put-resp',
      since: '2.53',
    },
  ]),
]
