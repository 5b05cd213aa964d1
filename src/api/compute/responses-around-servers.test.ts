import { afterAll, beforeAll } from 'bun:test'
import type { Server } from '../../cells/index.ts'
import { type ComputeApi, OTHER_PROJECT, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'
import { describeKeys, type Keys, type KeysCase } from '../../../test/support/keys-by-version.ts'

/** What stands around servers: groups, aggregates, zones, moves, ports, usage, classes of quotas, neighbours. */

const GROUP: Keys = [
  ['2.1', 'id name policies members metadata'],
  ['2.13', '+project_id +user_id'],
  ['2.64', '-policies -metadata +policy +rules'],
]
const AGGREGATE: Keys = [
  ['2.1', 'id name availability_zone created_at updated_at deleted deleted_at hosts metadata'],
  ['2.41', '+uuid'],
]
const CLASS: Keys = [
  [
    '2.1',
    'id instances cores ram metadata_items key_pairs fixed_ips floating_ips security_groups security_group_rules ' +
      'injected_files injected_file_content_bytes injected_file_path_bytes',
  ],
  [
    '2.50',
    '-fixed_ips -floating_ips -security_groups -security_group_rules +server_groups +server_group_members',
  ],
  ['2.57', '-injected_files -injected_file_content_bytes -injected_file_path_bytes'],
]
const MIGRATION: Keys = [
  [
    '2.1',
    'id status instance_uuid source_compute source_node dest_compute dest_node dest_host old_instance_type_id ' +
      'new_instance_type_id created_at updated_at',
  ],
  ['2.23', '+migration_type'],
  ['2.59', '+uuid'],
  ['2.80', '+user_id +project_id'],
]
const USAGE: Keys = [
  [
    '2.1',
    'tenant_id start stop total_hours total_local_gb_usage total_memory_mb_usage total_vcpus_usage server_usages',
  ],
]
const ALWAYS = (keys: string): readonly Keys[] => [[['2.1', keys]]]

let api: ComputeApi
let server: Server
let group: string
let network: string
let securityGroup: string

beforeAll(async () => {
  api = await startComputeApi()
  await api.addHost('cmp1')
  server = await api.addServer()
  const admin = (method: string, path: string, body: unknown) => api.ask(method, path, { as: 'admin', body })
  const { aggregate } = (await admin('POST', '/os-aggregates', { aggregate: { name: 'a', availability_zone: 'z' } })).body
  await admin('POST', `/os-aggregates/${aggregate.id}/action`, { add_host: { host: 'cmp1' } })
  const wanted = { server_group: { name: 'g', policies: ['affinity'] } }
  group = (await api.ask('POST', '/os-server-groups', { body: wanted })).body.server_group.id
  const viewer = { project_id: PROJECT, all: false }
  network = (await api.networks.networks.create(viewer, [{ name: 'lan', project_id: PROJECT }]))[0]!.id
  securityGroup = (await api.ask('GET', '/os-security-groups')).body.security_groups[0].id
  const { sql } = api.cells.get('cell1')
  await sql`
    insert into migrations (
      server_id, migration_type, status, source_compute, dest_compute, old_flavor, new_flavor, user_id, project_id,
      request_id
    )
    values (${server.id}, 'resize', 'finished', 'cmp1', 'cmp1', '{}', '{}', 'member-user', ${PROJECT}, 'req-1')`
})
afterAll(() => api.stop())

const cases: KeysCase[] = [
  {
    what: 'a server group',
    tables: [GROUP],
    as: 'reader',
    path: () => `/os-server-groups/${group}`,
    part: (b) => b.server_group,
  },
  {
    what: 'a server group of a list',
    tables: [GROUP],
    as: 'reader',
    path: () => '/os-server-groups',
    part: (b) => b.server_groups[0],
  },
  { what: 'an aggregate', tables: [AGGREGATE], as: 'admin', path: () => '/os-aggregates', part: (b) => b.aggregates[0] },
  {
    what: 'an availability zone',
    tables: ALWAYS('zoneName zoneState hosts'),
    as: 'reader',
    path: () => '/os-availability-zone',
    part: (b) => b.availabilityZoneInfo[0],
  },
  {
    what: 'a quota class',
    tables: [CLASS],
    as: 'admin',
    path: () => '/os-quota-class-sets/default',
    part: (b) => b.quota_class_set,
  },
  {
    what: 'a move of a server',
    tables: [MIGRATION],
    as: 'admin',
    path: () => '/os-migrations',
    part: (b) => b.migrations[0],
  },
  {
    what: 'a port of a server',
    tables: [
      [
        ['2.1', 'port_id net_id mac_addr fixed_ips port_state'],
        ['2.70', '+tag'],
      ],
    ],
    as: 'reader',
    path: () => `/servers/${server.id}/os-interface`,
    part: (b) => b.interfaceAttachments[0],
  },
  {
    what: 'a security group of a server',
    tables: ALWAYS('id name description tenant_id rules'),
    as: 'reader',
    path: () => `/servers/${server.id}/os-security-groups`,
    part: (b) => b.security_groups[0],
  },
  {
    what: 'the usage of a project',
    tables: [USAGE],
    as: 'reader',
    path: () => `/os-simple-tenant-usage/${PROJECT}?start=2026-01-01T00:00:00`,
    part: (b) => b.tenant_usage,
  },
  {
    what: 'an update of a quota',
    tables: [
      [
        [
          '2.1',
          'instances cores ram metadata_items key_pairs server_groups server_group_members fixed_ips floating_ips ' +
            'security_groups security_group_rules injected_files injected_file_content_bytes injected_file_path_bytes',
        ],
        ['2.36', '-fixed_ips -floating_ips -security_groups -security_group_rules'],
        ['2.57', '-injected_files -injected_file_content_bytes -injected_file_path_bytes'],
      ],
    ],
    as: 'admin',
    method: 'PUT',
    body: { quota_set: { instances: 11 } },
    path: () => `/os-quota-sets/${OTHER_PROJECT}`,
    part: (b) => b.quota_set,
  },
  {
    what: 'the log of usage',
    tables: ALWAYS(
      'hosts_not_run log num_hosts num_hosts_done num_hosts_not_run num_hosts_running overall_status ' +
        'period_beginning period_ending total_errors total_instances',
    ),
    as: 'admin',
    path: () => '/os-instance_usage_audit_log',
    part: (b) => b.instance_usage_audit_logs,
  },
  {
    what: 'an extension',
    tables: ALWAYS('alias name description links namespace updated'),
    as: 'reader',
    path: () => '/extensions/os-agents',
    part: (b) => b.extension,
  },
]

describeKeys(() => api, cases)

describeKeys(
  () => api,
  [
    {
      what: 'a network, handed on',
      tables: ALWAYS('id label cidr netmask gateway broadcast dns1 dns2 cidr_v6 gateway_v6 netmask_v6'),
      as: 'reader',
      until: 35,
      path: () => `/os-networks/${network}`,
      part: (b) => b.network,
    },
    {
      what: 'a network of a project, handed on',
      tables: ALWAYS('id label cidr'),
      as: 'reader',
      until: 35,
      path: () => `/os-tenant-networks/${network}`,
      part: (b) => b.network,
    },
    {
      what: 'a security group, handed on',
      tables: ALWAYS('id name description tenant_id rules'),
      as: 'reader',
      until: 35,
      path: () => `/os-security-groups/${securityGroup}`,
      part: (b) => b.security_group,
    },
    {
      what: 'a host',
      tables: ALWAYS('host_name service zone'),
      as: 'admin',
      until: 42,
      path: () => '/os-hosts',
      part: (b) => b.hosts[0],
    },
  ],
)
