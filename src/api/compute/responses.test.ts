import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Server } from '../../cells/index.ts'
import { type ComputeApi, type Person, PROJECT, startComputeApi } from '../../../test/support/compute-api.ts'
import { describeKeys, type Keys, type KeysCase } from '../../../test/support/keys-by-version.ts'

const SERVER: Keys = [
  [
    '2.1',
    'id name status tenant_id user_id metadata hostId image flavor created updated addresses links ' +
      'accessIPv4 accessIPv6 ' +
      'OS-DCF:diskConfig progress OS-EXT-AZ:availability_zone config_drive key_name OS-SRV-USG:launched_at ' +
      'OS-SRV-USG:terminated_at security_groups OS-EXT-STS:task_state OS-EXT-STS:vm_state OS-EXT-STS:power_state ' +
      'os-extended-volumes:volumes_attached',
  ],
  ['2.9', '+locked'],
  ['2.19', '+description'],
  ['2.26', '+tags'],
  ['2.63', '+trusted_image_certificates'],
  ['2.73', '+locked_reason'],
  ['2.90', '+OS-EXT-SRV-ATTR:hostname'],
  ['2.96', '+pinned_availability_zone'],
  ['2.100', '+scheduler_hints'],
]
const SHOWN: Keys = [...SERVER, ['2.71', '+server_groups']]

const FOR_ADMINS: Keys = [
  ['2.1', '+OS-EXT-SRV-ATTR:host +OS-EXT-SRV-ATTR:instance_name +OS-EXT-SRV-ATTR:hypervisor_hostname'],
  [
    '2.3',
    '+OS-EXT-SRV-ATTR:reservation_id +OS-EXT-SRV-ATTR:launch_index +OS-EXT-SRV-ATTR:hostname ' +
      '+OS-EXT-SRV-ATTR:kernel_id +OS-EXT-SRV-ATTR:ramdisk_id +OS-EXT-SRV-ATTR:root_device_name ' +
      '+OS-EXT-SRV-ATTR:user_data',
  ],
  ['2.16', '+host_status'],
]

const UPDATED: Keys = [
  [
    '2.1',
    'id name status tenant_id user_id metadata hostId image flavor created updated addresses links ' +
      'accessIPv4 accessIPv6 ' +
      'OS-DCF:diskConfig progress',
  ],
  ['2.9', '+locked'],
  ['2.19', '+description'],
  ['2.26', '+tags'],
  ['2.63', '+trusted_image_certificates'],
  ['2.71', '+server_groups'],
  ['2.73', '+locked_reason'],
  [
    '2.75',
    '+OS-EXT-AZ:availability_zone +config_drive +key_name +OS-SRV-USG:launched_at +OS-SRV-USG:terminated_at ' +
      '+security_groups +OS-EXT-STS:task_state +OS-EXT-STS:vm_state +OS-EXT-STS:power_state ' +
      '+os-extended-volumes:volumes_attached',
  ],
  ['2.90', '+OS-EXT-SRV-ATTR:hostname'],
  ['2.96', '+pinned_availability_zone'],
  ['2.100', '+scheduler_hints'],
]

const FLAVOR: Keys = [
  [
    '2.1',
    'id name ram disk vcpus swap OS-FLV-EXT-DATA:ephemeral OS-FLV-DISABLED:disabled os-flavor-access:is_public ' +
      'rxtx_factor links',
  ],
  ['2.55', '+description'],
  ['2.61', '+extra_specs'],
  ['2.102', '-OS-FLV-DISABLED:disabled -rxtx_factor'],
]
const FLAVOR_BRIEF: Keys = [
  ['2.1', 'id name links'],
  ['2.55', '+description'],
]

const KEYPAIR: Keys = [
  ['2.1', 'id name public_key fingerprint user_id created_at updated_at deleted deleted_at'],
  ['2.2', '+type'],
]

const LIMITS: Keys = [
  [
    '2.1',
    'maxTotalInstances maxTotalCores maxTotalRAMSize maxTotalKeypairs maxServerMeta maxServerGroups ' +
      'maxServerGroupMembers totalInstancesUsed totalCoresUsed totalRAMUsed totalServerGroupsUsed maxPersonality ' +
      'maxPersonalitySize maxImageMeta maxTotalFloatingIps totalFloatingIpsUsed maxSecurityGroups ' +
      'totalSecurityGroupsUsed maxSecurityGroupRules',
  ],
  [
    '2.36',
    '-maxTotalFloatingIps -totalFloatingIpsUsed -maxSecurityGroups -totalSecurityGroupsUsed -maxSecurityGroupRules',
  ],
  ['2.39', '-maxImageMeta'],
  ['2.57', '-maxPersonality -maxPersonalitySize'],
]

const QUOTA: Keys = [
  [
    '2.1',
    'id instances cores ram metadata_items key_pairs server_groups server_group_members fixed_ips floating_ips ' +
      'security_groups security_group_rules injected_files injected_file_content_bytes injected_file_path_bytes',
  ],
  ['2.36', '-fixed_ips -floating_ips -security_groups -security_group_rules'],
  ['2.57', '-injected_files -injected_file_content_bytes -injected_file_path_bytes'],
]

const SERVICE: Keys = [
  ['2.1', 'id binary host zone status state updated_at disabled_reason'],
  ['2.11', '+forced_down'],
]

const HYPERVISOR: Keys = [
  [
    '2.1',
    'id hypervisor_hostname state status host_ip hypervisor_type hypervisor_version service cpu_info ' +
      'current_workload disk_available_least free_disk_gb free_ram_mb local_gb local_gb_used memory_mb ' +
      'memory_mb_used running_vms vcpus vcpus_used',
  ],
  [
    '2.88',
    '+uptime -cpu_info -current_workload -disk_available_least -free_disk_gb -free_ram_mb -local_gb -local_gb_used ' +
      '-memory_mb -memory_mb_used -running_vms -vcpus -vcpus_used',
  ],
]

const ACTION: Keys = [
  ['2.1', 'action instance_uuid request_id user_id project_id start_time message'],
  ['2.58', '+updated_at'],
]
const EVENT: Keys = [
  ['2.1', 'event start_time finish_time result traceback'],
  ['2.62', '+host +hostId'],
  ['2.84', '+details'],
]

let api: ComputeApi
let server: Server
let requestId: string

beforeAll(async () => {
  api = await startComputeApi()
  const cell = api.cells.get('cell1')
  await api.addHost('cmp1')
  server = await api.addServer()
  await api.ask('POST', `/servers/${server.id}/action`, { body: { 'os-stop': null } })
  await cell.sql`
    insert into instance_action_events (action_id, event, host, start_time, finish_time, result)
    select id, 'compute_stop_instance', 'cmp1', now(), now(), 'Success' from instance_actions`
  const actions = await api.ask('GET', `/servers/${server.id}/os-instance-actions`)
  requestId = actions.body.instanceActions[0].request_id
  await api.ask('POST', '/os-keypairs', { body: { keypair: { name: 'k1' } } })
})
afterAll(() => api.stop())

const cases: KeysCase[] = [
  { what: 'a server', tables: [SHOWN], as: 'member', path: () => `/servers/${server.id}`, part: (b) => b.server },
  {
    what: 'a server for admins',
    tables: [SHOWN, FOR_ADMINS],
    as: 'admin',
    path: () => `/servers/${server.id}`,
    part: (b) => b.server,
  },
  {
    what: 'a server of a list',
    tables: [SERVER],
    as: 'member',
    path: () => '/servers/detail',
    part: (b) => b.servers[0],
  },
  {
    what: 'a server of a short list',
    tables: [[['2.1', 'id name links']]],
    as: 'member',
    path: () => '/servers',
    part: (b) => b.servers[0],
  },
  {
    what: 'an updated server',
    tables: [UPDATED],
    as: 'member',
    method: 'PUT',
    body: { server: { name: 'n' } },
    path: () => `/servers/${server.id}`,
    part: (b) => b.server,
  },
  { what: 'a flavor', tables: [FLAVOR], as: 'reader', path: () => '/flavors/1', part: (b) => b.flavor },
  {
    what: 'a flavor of a short list',
    tables: [FLAVOR_BRIEF],
    as: 'reader',
    path: () => '/flavors',
    part: (b) => b.flavors[0],
  },
  {
    what: 'a flavor of a list',
    tables: [FLAVOR],
    as: 'reader',
    path: () => '/flavors/detail',
    part: (b) => b.flavors[0],
  },
  { what: 'a keypair', tables: [KEYPAIR], as: 'member', path: () => '/os-keypairs/k1', part: (b) => b.keypair },
  {
    what: 'a keypair of a list',
    tables: [
      [
        ['2.1', 'name public_key fingerprint'],
        ['2.2', '+type'],
      ],
    ],
    as: 'member',
    path: () => '/os-keypairs',
    part: (b) => b.keypairs[0].keypair,
  },
  { what: 'limits', tables: [LIMITS], as: 'reader', path: () => '/limits', part: (b) => b.limits.absolute },
  {
    what: 'a quota set',
    tables: [QUOTA],
    as: 'reader',
    path: () => `/os-quota-sets/${PROJECT}`,
    part: (b) => b.quota_set,
  },
  {
    what: 'a quota set with use',
    tables: [QUOTA],
    as: 'reader',
    path: () => `/os-quota-sets/${PROJECT}/detail`,
    part: (b) => b.quota_set,
  },
  { what: 'a service', tables: [SERVICE], as: 'admin', path: () => '/os-services', part: (b) => b.services[0] },
  {
    what: 'a hypervisor',
    tables: [HYPERVISOR],
    as: 'admin',
    path: () => '/os-hypervisors/detail',
    part: (b) => b.hypervisors[0],
  },
  {
    what: 'a hypervisor of a short list',
    tables: [[['2.1', 'id hypervisor_hostname state status']]],
    as: 'admin',
    path: () => '/os-hypervisors',
    part: (b) => b.hypervisors[0],
  },
  {
    what: 'an action of a list',
    tables: [ACTION],
    as: 'reader',
    path: () => `/servers/${server.id}/os-instance-actions`,
    part: (b) => b.instanceActions[0],
  },
  {
    what: 'an action for admins',
    tables: [ACTION, [['2.1', '+events']]],
    as: 'admin',
    path: () => `/servers/${server.id}/os-instance-actions/${requestId}`,
    part: (b) => b.instanceAction,
  },
  {
    what: 'an action for its owner',
    tables: [ACTION, [['2.51', '+events']]],
    as: 'reader',
    path: () => `/servers/${server.id}/os-instance-actions/${requestId}`,
    part: (b) => b.instanceAction,
  },
  {
    what: 'an event for admins',
    tables: [EVENT],
    as: 'admin',
    path: () => `/servers/${server.id}/os-instance-actions/${requestId}`,
    part: (b) => b.instanceAction.events[0],
  },
]

describeKeys(() => api, cases)

describe('values that changed their form', () => {
  const at = async (path: string, v: string, as: Person = 'admin') => (await api.ask('GET', path, { as, v })).body

  test('a server refers to its flavor, and embeds it from 2.47 on', async () => {
    expect((await at(`/servers/${server.id}`, '2.46')).server.flavor).toEqual({
      id: '42',
      links: [{ rel: 'bookmark', href: `${api.url}/flavors/42` }],
    })
    expect((await at(`/servers/${server.id}`, '2.47')).server.flavor).toEqual({
      original_name: 'm1.nano',
      vcpus: 1,
      ram: 64,
      disk: 1,
      ephemeral: 0,
      swap: 0,
      extra_specs: { 'hw:cpu_policy': 'shared' },
    })
  })

  test('no swap is "", and 0 from 2.75 on', async () => {
    expect((await at('/flavors/1', '2.74')).flavor.swap).toBe('')
    expect((await at('/flavors/1', '2.75')).flavor.swap).toBe(0)
  })

  test('services and hypervisors have numbers, and UUIDs from 2.53 on', async () => {
    const uuid = /^[0-9a-f-]{36}$/
    expect((await at('/os-services', '2.52')).services[0].id).toBeNumber()
    expect((await at('/os-services', '2.53')).services[0].id).toMatch(uuid)
    const [before, after] = [await at('/os-hypervisors/detail', '2.52'), await at('/os-hypervisors/detail', '2.53')]
    expect([before.hypervisors[0].id, before.hypervisors[0].service.id].map((id) => typeof id)).toEqual([
      'number',
      'number',
    ])
    expect(after.hypervisors[0].id).toMatch(uuid)
    expect(after.hypervisors[0].service.id).toMatch(uuid)
  })

  test('what a CPU is was text, and is an object from 2.28 on', async () => {
    expect((await at('/os-hypervisors/detail', '2.27')).hypervisors[0].cpu_info).toBe('{"arch":"x86_64"}')
    expect((await at('/os-hypervisors/detail', '2.28')).hypervisors[0].cpu_info).toEqual({ arch: 'x86_64' })
  })

  test('addresses of an updated server have kind and MAC from 2.75 on', async () => {
    const updated = async (v: string) =>
      (await api.ask('PUT', `/servers/${server.id}`, { v, body: { server: {} } })).body.server.addresses.private[0]
    expect(await updated('2.74')).toEqual({ version: 4, addr: '10.0.0.7' })
    expect(Object.keys(await updated('2.75')).sort()).toEqual([
      'OS-EXT-IPS-MAC:mac_addr',
      'OS-EXT-IPS:type',
      'addr',
      'version',
    ])
  })

  test('a keypair is created with 200 and deleted with 202, and 201 and 204 from 2.2 on', async () => {
    const create = (name: string, v: string) => api.ask('POST', '/os-keypairs', { v, body: { keypair: { name } } })
    const remove = (name: string, v: string) => api.ask('DELETE', `/os-keypairs/${name}`, { v })
    expect([(await create('a', '2.1')).status, (await create('b', '2.2')).status]).toEqual([200, 201])
    expect([(await remove('a', '2.1')).status, (await remove('b', '2.2')).status]).toEqual([202, 204])
  })
})
