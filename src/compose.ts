import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startHosting } from '../agent/index.ts'
import { computeFace } from './api/compute/index.ts'
import { authenticator, identityFace } from './api/identity/index.ts'
import { imageFace } from './api/image/index.ts'
import { networkFace } from './api/network/index.ts'
import { type Cells, createCells, hostSource } from './cells/index.ts'
import { createCompute } from './compute/index.ts'
import { ask, createConductor, createHostCalls, type ImageSources, type Planner } from './conductor/index.ts'
import { IMAGE_SOURCES, imageSource, imageSourceRequest, planResult, SCHEDULER_TOPIC } from './contracts/index.ts'
import { createIdentity } from './identity/index.ts'
import { createImages, grantKey } from './image/index.ts'
import { systemClock } from './kernel/index.ts'
import { createNetworks, type Networks } from './network/index.ts'
import { type Bus, type Json, openBus } from './platform/bus/index.ts'
import { type Config, loadConfig, type Overrides } from './platform/config/index.ts'
import { asProblem, type Databases, openDatabases, startEmbeddedPostgres } from './platform/db/index.ts'
import { serve } from './platform/http/index.ts'
import { type Logs, openLogs } from './platform/log/index.ts'
import { createPolicy } from './platform/policy/index.ts'
import { policyDefaults } from './policies.ts'
import { createScheduler, type Scheduler } from './scheduler/index.ts'
import { reportRole } from './services.ts'
import { loadSecrets, lockStatePath, writeClientFiles } from './state/index.ts'

export const ROLES = ['api', 'scheduler', 'conductor', 'compute'] as const
export type Role = (typeof ROLES)[number]

export interface CloudOptions {
  /** All of them when empty. */
  readonly roles?: readonly Role[]
  readonly config_files?: readonly string[]
  readonly state_path?: string
  /** `ADDRESS:PORT`; port 0 takes a free one. */
  readonly listen?: { readonly host: string; readonly port: number }
  readonly compute_driver?: 'auto' | 'libvirt' | 'fake'
  readonly fake_hosts?: number
  readonly debug?: boolean
  readonly log_dir?: string
  /** Options that win over every file, for tests and for whoever embeds a cloud. */
  readonly overrides?: Overrides
  /** Told of each thing worth a line on a terminal: warnings of the configuration, the driver that was taken. */
  readonly say?: (line: string) => void
}

export interface Cloud {
  /** Where the APIs are; null for a process without the api role. */
  readonly url: string | null
  readonly statePath: string
  /** Drains requests, lets running steps end, stops the embedded database. */
  stop(): Promise<void>
}

/** Requests under way when the process is told to stop get this long. */
const DRAIN_S = 10
/** An api may be restarting; a host is not to blame for that. */
const IMAGE_SOURCE_DEADLINE_S = 120
const CONCURRENT_IMAGE_SOURCES = 64
/** The hosts of this process have joined by then, or the cloud serves without them for the time being. */
const HOSTS_DEADLINE_MS = 15_000

/**
 * Starts the roles in this process: each shared resource once, modules bottom-up, every contract bound here where its
 * role is here and over the bus where it is not. What was started is stopped again when something fails.
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const undo: (() => unknown)[] = []
  const later = <T>(value: T, stop: (value: T) => unknown): T => {
    undo.push(() => stop(value))
    return value
  }
  async function stop(): Promise<void> {
    for (let end = undo.pop(); end; end = undo.pop()) await end()
  }
  try {
    return { ...(await start(options, later)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

type Later = <T>(value: T, stop: (value: T) => unknown) => T

async function start(options: CloudOptions, later: Later): Promise<Omit<Cloud, 'stop'>> {
  const say = options.say ?? (() => {})
  const { config, warnings } = loadConfig({
    ...(options.config_files?.length ? { files: options.config_files } : {}),
    overrides: overridesOf(options),
  })
  const roles = new Set<Role>(options.roles?.length ? options.roles : ROLES)
  assertSplitIsPossible(roles, config)
  for (const warning of warnings) say(`warning: ${warning}`)

  const statePath = config.DEFAULT.state_path
  mkdirSync(statePath, { recursive: true, mode: 0o755 })
  // Processes with different roles may share a state path; two with the same must not.
  for (const role of roles) {
    later(lockStatePath(statePath, join(statePath, `${role}.lock`)), (lock) => lock.release())
  }
  const secrets = loadSecrets(join(statePath, 'secrets.json'))
  const logs = later(openLogs(config.DEFAULT), (opened) => opened.close())
  const bus = later(await openBus({ transport_url: config.DEFAULT.transport_url, log: logs.role('nova-bus') }), (opened) => opened.close())

  let url: string | null = null
  let knownHosts = (): number => Number.POSITIVE_INFINITY
  if (roles.has('api') || roles.has('scheduler') || roles.has('conductor')) {
    const databases = await openStorage(config, statePath, logs, later)
    const control = await startControlPlane({ config, roles, statePath, secrets, logs, bus, databases }, later)
    url = control.url
    if (control.scheduler) knownHosts = control.scheduler.hostCount
  }
  if (roles.has('compute')) {
    const log = logs.role('nova-compute')
    const hosting = await startHosting({ config, bus, clock: systemClock, log })
    later(hosting, (started) => started.stop())
    say(hosting.says)
    await waitFor(() => knownHosts() >= hosting.hosts, HOSTS_DEADLINE_MS)
  }
  return { url, statePath }
}

interface Parts {
  readonly config: Config
  readonly roles: ReadonlySet<Role>
  readonly statePath: string
  readonly secrets: ReturnType<typeof loadSecrets>
  readonly logs: Logs
  readonly bus: Bus
  readonly databases: Databases
}

interface ControlPlane {
  /** Of the APIs; null without that role. */
  readonly url: string | null
  readonly scheduler: Scheduler | null
}

async function startControlPlane(parts: Parts, later: Later): Promise<ControlPlane> {
  const { config, roles, logs, bus, databases } = parts
  const cells = createCells(databases, logs.role('nova-conductor'))
  const networks = createNetworks({ db: databases.global, log: logs.role('nova-network') })
  const scheduler = roles.has('scheduler') ? await startScheduler(parts, cells, later) : null
  const api = roles.has('api') ? await startApi(parts, cells, networks, later) : null
  if (roles.has('conductor')) {
    const log = logs.role('nova-conductor')
    const conductor = createConductor({
      id: parts.secrets.node_id,
      cells,
      bus,
      planner: scheduler ? { plan: async (request) => scheduler.plan(request) } : remotePlanner(bus, config.DEFAULT.rpc_response_timeout),
      networks,
      images: api?.images ?? remoteImages(bus),
      hosts: createHostCalls(bus, systemClock),
      clock: systemClock,
      log,
      concurrency: config.conductor.workers,
      max_attempts: config.scheduler.max_attempts,
      instance_name_template: config.DEFAULT.instance_name_template,
      shutdown_timeout_s: config.DEFAULT.shutdown_timeout,
      running_deleted_instance_action: config.DEFAULT.running_deleted_instance_action,
      default_schedule_zone: config.DEFAULT.default_schedule_zone ?? null,
    })
    later(conductor, (started) => started.stop())
    await conductor.start()
    later(await reportRole(databases.global, 'nova-conductor', config, systemClock, log), (report) => report.stop())
  }
  return { url: api?.url ?? null, scheduler }
}

async function startApi(parts: Parts, cells: Cells, networks: Networks, later: Later) {
  const { config, statePath, secrets, logs, bus, databases } = parts
  const clock = systemClock
  const images = later(
    await createImages({
      db: databases.global,
      directory: join(statePath, 'images'),
      clock,
      log: logs.role('nova-image'),
      grantKey: await grantKey(databases.global),
      maxBytes: config.bunova.image_max_bytes,
    }),
    (opened) => opened.close(),
  )
  const policy = createPolicy({
    ...config.oslo_policy,
    defaults: policyDefaults,
    file: config.oslo_policy.policy_file,
    dirs: config.oslo_policy.policy_dirs,
    log: logs.role('nova-api'),
  })
  const identity = later(
    await createIdentity({
      db: databases.global,
      clock,
      log: logs.role('nova-identity'),
      bus,
      config: config.identity,
      isAdmin: (ctx) => policy.allows('context_is_admin', ctx),
    }),
    (opened) => opened.close(),
  )
  const compute = createCompute({
    cells,
    bus,
    projects: { exists: async (id) => (await identity.projects.find(id)) !== null },
    images: { show: (ctx, id) => images.factsFor(ctx, id) },
    networks,
    hostCalls: createHostCalls(bus, clock),
    clock,
    log: logs.role('nova-api'),
    quota: config.quota,
    instance_name_template: config.DEFAULT.instance_name_template,
    service_down_time_s: config.DEFAULT.service_down_time,
    default_availability_zone: config.DEFAULT.default_availability_zone,
    internal_service_availability_zone: config.DEFAULT.internal_service_availability_zone,
  })
  const { admin_password, demo_password, node_id } = secrets
  const [{ node }] = await Promise.all([
    identity.bootstrap({ admin_password, demo_password, node: node_id }),
    networks.bootstrap(),
    compute.flavors.bootstrap(),
  ])

  const authenticate = authenticator(identity)
  const http = await serve({
    faces: [
      computeFace({ compute, authenticate, policy, config: config.api }),
      identityFace({ identity, policy }),
      imageFace({ images, authenticate, policy }),
      networkFace({ networks, authenticate, policy }),
    ],
    listen: { host: config.DEFAULT.osapi_compute_listen, port: config.DEFAULT.osapi_compute_listen_port },
    logs,
    classify: asProblem,
    maxBodyBytes: config.oslo_middleware.max_request_body_size,
    trustProxyHeaders: config.oslo_middleware.enable_proxy_headers_parsing,
    linkPrefixes: { 'nova-api': config.api.compute_link_prefix },
    accessLog: config.bunova.access_log,
  })
  later(http, (server) => server.stop({ deadline_s: DRAIN_S }))
  const url = reachableUrl(http.url, config)
  writeClientFiles(statePath, url, node === node_id ? secrets : null)

  const imageApi = config.glance.endpoint_override ?? `${url}/image`
  const sources: ImageSources = { imageSource: (id) => images.imageSource(id, imageApi) }
  const asked = bus.serve(IMAGE_SOURCES, { concurrency: CONCURRENT_IMAGE_SOURCES }, async (request) => {
    return (await sources.imageSource(imageSourceRequest.parse(request).image_id)) as Json
  })
  later(asked, (subscription) => subscription.stop())
  return { url, images: sources }
}

/** Where others reach what listens everywhere: a wildcard is an address to listen at, not to call. */
function reachableUrl(url: string, config: Config): string {
  return url.replace(/^http:\/\/(0\.0\.0\.0|\[::\])/, `http://${config.DEFAULT.my_ip}`)
}

async function startScheduler({ config, logs, bus, databases }: Parts, cells: Cells, later: Later): Promise<Scheduler> {
  const log = logs.role('nova-scheduler')
  const scheduler = createScheduler({
    config,
    cells: cells.withHosts().map((cell) => hostSource(cells.global, cell, config.DEFAULT.default_availability_zone)),
    clock: systemClock,
    log,
  })
  await scheduler.start(bus)
  later(scheduler, (started) => started.stop())
  later(await reportRole(databases.global, 'nova-scheduler', config, systemClock, log), (report) => report.stop())
  return scheduler
}

function remotePlanner(bus: Bus, deadline_s: number): Planner {
  return {
    plan: async (request) =>
      planResult.parse(
        await ask(bus, SCHEDULER_TOPIC, request, {
          deadline_s,
          clock: systemClock,
          silence: 'The scheduler did not answer in time.',
        }),
      ),
  }
}

function remoteImages(bus: Bus): ImageSources {
  return {
    imageSource: async (image_id) =>
      imageSource.parse(
        await ask(bus, IMAGE_SOURCES, { image_id }, {
          deadline_s: IMAGE_SOURCE_DEADLINE_S,
          clock: systemClock,
          silence: 'The image service did not answer in time.',
        }),
      ),
  }
}

/** The databases that the configuration names, or else the PostgreSQL that comes with Bunova. */
async function openStorage(config: Config, statePath: string, logs: Logs, later: Later): Promise<Databases> {
  const log = logs.role('nova-conductor')
  let cell = config.database.connection
  let global = config.api_database.connection ?? cell
  if (!cell || !global) {
    const postgres = later(await startEmbeddedPostgres({ directory: join(statePath, 'postgres'), log }), (server) => server.stop())
    cell ??= postgres.connection
    global ??= postgres.connection
  }
  const databases = await openDatabases({
    global,
    cells: [
      { id: 'cell0', connection: global, schema: 'cell0' },
      { id: 'cell1', connection: cell, schema: 'cell1' },
    ],
    log,
    maxConnections: Math.max(config.database.max_pool_size, config.api_database.max_pool_size),
  })
  return later(databases, (opened) => opened.close())
}

function overridesOf(options: CloudOptions): Overrides {
  const { listen, state_path, compute_driver, debug, log_dir, fake_hosts } = options
  const given = options.overrides
  return {
    ...given,
    DEFAULT: {
      ...given?.DEFAULT,
      ...(state_path ? { state_path } : {}),
      ...(listen ? { osapi_compute_listen: listen.host, osapi_compute_listen_port: listen.port } : {}),
      ...(compute_driver ? { compute_driver } : {}),
      ...(debug ? { debug } : {}),
      ...(log_dir ? { log_dir } : {}),
    },
    bunova: { ...given?.bunova, ...(fake_hosts ? { fake_hosts } : {}) },
  }
}

/** Roles that run apart find each other by a bus and a database that all of them reach. */
function assertSplitIsPossible(roles: ReadonlySet<Role>, config: Config): void {
  if (roles.size === ROLES.length) return
  const missing = [
    ...(config.DEFAULT.transport_url ? [] : ['[DEFAULT] transport_url = redis://…']),
    ...(config.database.connection || (roles.size === 1 && roles.has('compute')) ? [] : ['[database] connection = postgresql://…']),
  ]
  if (missing.length === 0) return
  throw new Error(`roles that run apart (here: ${[...roles].join(', ')}) need in nova.conf: ${missing.join('; ')}`)
}

async function waitFor(holds: () => boolean, deadline_ms: number): Promise<void> {
  const deadline = Date.now() + deadline_ms
  while (!holds() && Date.now() < deadline) await systemClock.sleep(5)
}
