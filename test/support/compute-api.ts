import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { computeFace } from '../../src/api/compute/index.ts'
import { type Cells, createCells, hostSource, insertServer, reportInventory, reportServices, type Server, settleInCell } from '../../src/cells/index.ts'
import { type Compute, createCompute, type ImageFacts, type SecurityGroup } from '../../src/compute/index.ts'
import type { AgentQuery, Diagnostics } from '../../src/contracts/index.ts'
import { createImages, type Images } from '../../src/image/index.ts'
import { newRequestId, Problem, type RequestContext, systemClock } from '../../src/kernel/index.ts'
import { createNetworks, type Networks } from '../../src/network/index.ts'
import { createMemoryBus } from '../../src/platform/bus/index.ts'
import { asProblem } from '../../src/platform/db/index.ts'
import { type Call, serve } from '../../src/platform/http/index.ts'
import { createPolicy } from '../../src/platform/policy/index.ts'
import { type Scheduler, startScheduler } from './scheduler.ts'
import { policyDefaults } from '../../src/policies.ts'
import { bindProxies } from '../../src/proxies.ts'
import { quietLog, type TestDatabases, testDatabases } from './database.ts'

/** Everybody who asks in tests; the token is the name. */
export const PROJECT = '11111111111111111111111111111111'
export const OTHER_PROJECT = '22222222222222222222222222222222'

const people = {
  admin: {
    userId: 'admin-user',
    projectId: '99999999999999999999999999999999',
    roles: ['admin', 'manager', 'member', 'reader'],
  },
  manager: { userId: 'manager-user', projectId: PROJECT, roles: ['manager', 'member', 'reader'] },
  member: { userId: 'member-user', projectId: PROJECT, roles: ['member', 'reader'] },
  reader: { userId: 'reader-user', projectId: PROJECT, roles: ['reader'] },
  stranger: { userId: 'stranger-user', projectId: OTHER_PROJECT, roles: ['member', 'reader'] },
  nobody: { userId: 'nobody-user', projectId: PROJECT, roles: [] },
  /** Another service of the cloud. */
  service: { userId: 'service-user', projectId: '33333333333333333333333333333333', roles: ['service'] },
  /** An administrator of the system as a whole, whose token is of no project. */
  system: { userId: 'system-user', projectId: '', roles: ['admin', 'manager', 'member', 'reader'] },
} satisfies Record<string, Pick<RequestContext, 'userId' | 'projectId' | 'roles'>>

export type Person = keyof typeof people

export function contextOf(person: Person): RequestContext {
  const { userId, projectId, roles }: Pick<RequestContext, 'userId' | 'projectId' | 'roles'> = people[person]
  return {
    requestId: newRequestId(),
    userId,
    userName: userId,
    userDomainId: 'default',
    projectId,
    projectName: projectId,
    projectDomainId: 'default',
    roles,
    isAdmin: roles.includes('admin'),
    systemScope: person === 'system' ? 'all' : null,
  }
}

export const IMAGE: ImageFacts = {
  id: '70a599e0-31e7-49b7-b260-868f441e862b',
  name: 'tiny',
  disk_format: 'qcow2',
  min_disk_gb: 0,
  min_ram_mb: 0,
  properties: { hw_disk_bus: 'virtio', a: 'b' },
  status: 'active',
  size_bytes: 1_048_576,
  virtual_size_bytes: 1_048_576,
}

const ANY_RULE = {
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: null,
  port_range_min: null,
  port_range_max: null,
  remote_ip_prefix: null,
  remote_group: null,
} as const

/** The one group there is, whatever it is called. */
export const SECURITY_GROUP: SecurityGroup = {
  id: '4e469db4-3b60-43c7-8dfa-2c60e2f27075',
  name: 'web',
  description: 'of web servers',
  project_id: PROJECT,
  rules: [
    { ...ANY_RULE, id: 'from-anywhere', protocol: 'tcp', port_range_min: 22, port_range_max: 22 },
    { ...ANY_RULE, id: 'from-a-group', protocol: 'udp', remote_group: { name: 'db', project_id: PROJECT } },
    { ...ANY_RULE, id: 'out', direction: 'egress' },
  ],
}

/** What each host answers to the question for it. */
export const UPTIME = ' 08:32:11 up 93 days, 18:25, 12 users,  load average: 0.20, 0.12, 0.14'

/** How the API is set up. */
export const FACE_SETTINGS = {
  config: { max_limit: 1000, enable_instance_password: true },
  consoleUrl: (kind: string, token: string, origin: string): string => `${origin}/${kind}?token=${token}`,
}

const DISK = { device: 'vda', read_bytes: 1, read_requests: 1, write_bytes: 1, write_requests: 1, errors: 0 }
const NIC = {
  device: 'tap0',
  mac_address: 'fa:16:3e:b1:34:e3',
  rx_octets: 1,
  rx_packets: 1,
  rx_errors: 0,
  rx_drop: 0,
  tx_octets: 1,
  tx_packets: 1,
  tx_errors: 0,
  tx_drop: 0,
}
/** What each guest uses. */
const DIAGNOSTICS: Diagnostics = {
  state: 'running',
  driver: 'libvirt',
  hypervisor: 'kvm',
  hypervisor_os: 'linux',
  uptime_s: 60,
  config_drive: false,
  memory: { maximum_mb: 64, used_mb: 32 },
  cpus: [{ id: 0, time_ns: 1, utilisation_percent: 1 }],
  nics: [NIC],
  disks: [DISK],
}

/** Options of `[quota]` that are no resource: no answer may show them. */
const UNCOUNTED = { injected_files: 5, recheck_quota: true }

export interface Answer {
  readonly status: number
  readonly body: any
  readonly headers: Headers
}

export interface ComputeApi {
  readonly url: string
  readonly compute: Compute
  readonly cells: Cells
  readonly databases: TestDatabases
  /** The services that old routes hand requests on to; what servers are made of are stand-ins. */
  readonly images: Images
  readonly networks: Networks
  /** A request of `as` at microversion `v`; `path` is below `/compute/v2.1`. */
  ask(
    method: string,
    path: string,
    options?: { as?: Person | null; v?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer>
  /** A server that runs, put into cell1 past the API. */
  addServer(changes?: Partial<Server>): Promise<Server>
  /** A compute host of cell1 with its service, up: 4 CPUs, 8 GiB, 100 GB. */
  addHost(host: string, node?: string): Promise<void>
  /** Console texts by server id. */
  readonly consoles: Map<string, string>
  stop(): Promise<void>
}

/** What a host says of its guests: consoles as a test has written them. */
function answerOf(asked: AgentQuery, consoles: ReadonlyMap<string, string>): unknown {
  if (asked.query === 'uptime') return { uptime: UPTIME }
  if (asked.query === 'console_address') return { host: '127.0.0.1', port: asked.kind === 'vnc' ? 5900 : null }
  if (asked.query === 'diagnostics') return DIAGNOSTICS
  if (asked.query !== 'console_output') throw new Error(`no answer to ${asked.query} here`)
  const all = (consoles.get(asked.server_id) ?? '').split('\n')
  return { output: (asked.lines === null ? all : all.slice(-asked.lines)).join('\n') }
}

/** The compute API over HTTP with real databases; images, networks and hosts are stand-ins that say yes. */
export async function startComputeApi(
  quota: Partial<Record<string, number>> = {},
  given?: TestDatabases,
): Promise<ComputeApi> {
  const databases = given ?? (await testDatabases())
  const cells = createCells(databases, quietLog)
  const consoles = new Map<string, string>()
  const bus = createMemoryBus({ log: quietLog })
  let started: Promise<Scheduler> | undefined
  /** Of the hosts that cell1 has when it is first asked. */
  const scheduler = (): Promise<Scheduler> => (started ??= startScheduler(bus, [hostSource(cells.global, cells.get('cell1'), 'nova')]))
  const directory = await mkdtemp(join(tmpdir(), 'compute-api-'))
  const images = await createImages({
    db: databases.global,
    directory,
    clock: systemClock,
    log: quietLog,
    grantKey: new Uint8Array(32),
    maxBytes: 1_048_576,
  })
  const networks = createNetworks({ db: databases.global, externalCidr: null, log: quietLog })
  const policy = createPolicy({ defaults: policyDefaults, log: quietLog })
  const compute = createCompute({
    cells,
    bus,
    projects: { exists: async (id) => /^[0-9a-f]{32}$/.test(id) },
    images: {
      show: async (_ctx, id) => (id === IMAGE.id ? IMAGE : null),
      createSnapshot: async () => randomUUID(),
      discardSnapshot: async () => {},
    },
    networks: {
      validateRequests: async (_ctx, _requests, groups) => (groups.length === 0 ? [] : [SECURITY_GROUP]),
      groupsOfServer: async () => [SECURITY_GROUP],
      bindHost: async () => {},
      vifsOfServer: async () => [],
      addGroupToServer: async () => SECURITY_GROUP,
      removeGroupFromServer: async () => SECURITY_GROUP,
      addFixedIp: async () => {},
      removeFixedIp: async () => {},
      addFloatingIp: async () => {},
      removeFloatingIp: async () => {},
    },
    hostCalls: {
      command: async () => ({ power_state: 'running' }),
      async query(_host, asked) {
        return answerOf(asked, consoles) as never
      },
    },
    proxies: bindProxies({ images, networks, policy }),
    scheduling: { whatIf: async (asked) => (await scheduler()).whatIf(asked) },
    default_schedule_zone: null,
    clock: systemClock,
    log: quietLog,
    quota: {
      instances: 10,
      cores: 20,
      ram: 51_200,
      metadata_items: 128,
      key_pairs: 100,
      server_groups: 10,
      server_group_members: 10,
      ...UNCOUNTED,
      ...quota,
    },
    instance_name_template: 'instance-%08x',
    // No conductor runs here: whoever waits for one waits in vain.
    rpc_response_timeout_s: 0.05,
    allow_resize_to_same_host: false,
    reclaim_instance_interval_s: 0,
    service_down_time_s: 60,
    default_availability_zone: 'nova',
    internal_service_availability_zone: 'internal',
    console_token_ttl_s: 600,
  })
  await compute.flavors.bootstrap()
  const face = computeFace({
    compute,
    policy,
    authenticate: personOf,
    ...FACE_SETTINGS,
  })
  const server = await serve({
    faces: [face],
    listen: { host: '127.0.0.1', port: 0 },
    logs: { role: () => quietLog },
    classify: asProblem,
    accessLog: false,
  })
  return {
    url: `${server.url}/compute`,
    compute,
    cells,
    databases,
    images,
    networks,
    consoles,
    async ask(method, path, { as = 'member', v, body, headers = {} } = {}) {
      const response = await fetch(`${server.url}/compute${path.startsWith('!') ? path.slice(1) : `/v2.1${path}`}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(as === null ? {} : { 'X-Auth-Token': as }),
          ...(v === undefined ? {} : { 'OpenStack-API-Version': `compute ${v}` }),
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers }
    },
    async addServer(changes = {}) {
      const server = runningServer(changes)
      await cells.get('cell1').transaction((tx) => insertServer(tx, server))
      await databases.global.transaction(async (tx) => {
        await tx`insert into server_mappings ${tx({
          server_id: server.id,
          project_id: server.project_id,
          user_id: server.user_id,
          vcpus: 1,
          memory_mb: 64,
          created_at: server.created_at,
          flavor: server.flavor,
          image_id: server.image_id,
          availability_zone: server.availability_zone,
        })}`
        await settleInCell(tx, server.id, 'cell1')
      })
      return server
    },
    async addHost(host, node = `${host}.example`) {
      const cell = cells.get('cell1')
      await reportServices(cell, 'nova-compute', [host], new Date())
      await reportInventory(cell, host, {
        hypervisor_hostname: node,
        node_id: crypto.randomUUID(),
        host_ip: '127.0.0.1',
        hypervisor_type: 'QEMU',
        hypervisor_version: 7_002_018,
        vcpus: 4,
        memory_mb: 8192,
        local_gb: 100,
        reserved_vcpus: 0,
        reserved_memory_mb: 512,
        reserved_disk_gb: 0,
        cpu_allocation_ratio: 4,
        ram_allocation_ratio: 1,
        disk_allocation_ratio: 1,
        cpu_info: { arch: 'x86_64' },
        supported_instances: [],
      })
    },
    async stop() {
      await server.stop({ deadline_s: 1 })
      await (await started)?.stop()
      await bus.close()
      await images.close()
      await databases.drop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function personOf(call: Call): RequestContext {
  const name = call.request.headers.get('x-auth-token')
  if (name === null || !(name in people))
    throw new Problem('unauthorized', 'The request you have made requires authentication.')
  return { ...contextOf(name as Person), requestId: call.requestId }
}

function runningServer(changes: Partial<Server>): Server {
  const now = new Date()
  return {
    id: randomUUID(),
    number: null,
    project_id: PROJECT,
    user_id: 'member-user',
    name: 'web',
    description: null,
    hostname: 'web',
    vm_state: 'active',
    task_state: null,
    power_state: 1,
    progress: 0,
    flavor: {
      id: '42',
      name: 'm1.nano',
      vcpus: 1,
      memory_mb: 64,
      root_gb: 1,
      ephemeral_gb: 0,
      swap_mb: 0,
      extra_specs: { 'hw:cpu_policy': 'shared' },
    },
    flavor_id: '42',
    image_id: IMAGE.id,
    image: {
      id: IMAGE.id,
      name: IMAGE.name,
      disk_format: 'qcow2',
      min_disk_gb: 0,
      min_ram_mb: 0,
      properties: IMAGE.properties,
    },
    key_name: 'k1',
    public_key: null,
    metadata: { role: 'web' },
    tags: ['blue'],
    security_groups: [{ name: 'default' }],
    requested_networks: 'auto',
    vifs: [
      {
        port_id: 'a2ed1d3c-0a30-4e3f-a6aa-6f8e3d1d7b11',
        network_id: 'b3ed1d3c-0a30-4e3f-a6aa-6f8e3d1d7b22',
        network_label: 'private',
        mac_address: 'fa:16:3e:b1:34:e3',
        mtu: 1500,
        fixed_ips: [
          {
            subnet_id: 'c4ed1d3c-0a30-4e3f-a6aa-6f8e3d1d7b33',
            ip_address: '10.0.0.7',
            prefix_length: 16,
            gateway_ip: '10.0.0.1',
          },
        ],
      },
    ],
    availability_zone: null,
    host: 'cmp1',
    node: 'cmp1.example',
    reservation_id: 'r-abcdefgh',
    launch_index: 0,
    config_drive: false,
    user_data: null,
    access_ip_v4: null,
    access_ip_v6: null,
    auto_disk_config: false,
    root_device_name: '/dev/vda',
    trusted_image_certificates: null,
    scheduler_hints: {},
    locked_by: null,
    locked_reason: null,
    group_id: null,
    fault: null,
    explanation: null,
    generation: 2,
    created_at: now,
    updated_at: now,
    launched_at: now,
    terminated_at: null,
    deleted_at: null,
    power_reported_at: null,
    ...changes,
  }
}
