import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startHosting } from '../agent/index.ts'
import { computeFace, type ComputeDescription, docsFaces } from './api/compute/index.ts'
import { consoleFace, consoleUrl, relayUrl } from './api/console/index.ts'
import { authenticator, identityFace } from './api/identity/index.ts'
import { imageFace } from './api/image/index.ts'
import { networkFace } from './api/network/index.ts'
import { placementFace } from './api/placement/index.ts'
import { type Cells, createCells, hostSource } from './cells/index.ts'
import { createCompute } from './compute/index.ts'
import { type CloudOptions, configOf, type Role } from './cloud-options.ts'
import { createConductor, createHostCalls, type ImageSnapshots, type ImageSources } from './conductor/index.ts'
import { HOST_NETWORKS_CHANGED } from './contracts/index.ts'
import { createIdentity } from './identity/index.ts'
import { createImages, grantKey } from './image/index.ts'
import { systemClock } from './kernel/index.ts'
import { createNetworks, type Networks } from './network/index.ts'
import { type Bus, openBus } from './platform/bus/index.ts'
import type { Config } from './platform/config/index.ts'
import { asProblem, type Databases } from './platform/db/index.ts'
import { serve } from './platform/http/index.ts'
import { type Logger, type Logs, openLogs } from './platform/log/index.ts'
import { type Metrics, serveMetrics } from './platform/metrics/index.ts'
import { createPolicy } from './platform/policy/index.ts'
import {
  decisionMetrics,
  measureConductor,
  measuredBus,
  measureScheduler,
  metricsFace,
  requestMetrics,
  startMetrics,
  taskMetrics,
} from './metrics.ts'
import { policyDefaults } from './policies.ts'
import { bindProxies } from './proxies.ts'
import {
  remoteImages,
  remotePlanner,
  remoteScheduling,
  remoteSnapshots,
  serveImages,
  serveSnapshots,
} from './remote.ts'
import { createScheduler, guestFactsOf, type Scheduler } from './scheduler/index.ts'
import { reportRole } from './services.ts'
import { loadSecrets, lockStatePath, writeClientFiles } from './state/index.ts'
import { type Later, openStorage } from './storage.ts'

export { type CloudOptions, type Role, ROLES } from './cloud-options.ts'

export interface Cloud {
  /** Where the APIs are; null for a process without the api role. */
  readonly url: string | null
  readonly statePath: string
  /** Drains requests, lets running steps end, stops the embedded database. */
  stop(): Promise<void>
}

/** Requests under way when the process is told to stop get this long. */
const DRAIN_S = 10
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

async function start(options: CloudOptions, later: Later): Promise<Omit<Cloud, 'stop'>> {
  const say = options.say ?? (() => {})
  const { config, warnings, roles } = configOf(options)
  for (const warning of warnings) say(`warning: ${warning}`)

  const statePath = config.DEFAULT.state_path
  mkdirSync(statePath, { recursive: true, mode: 0o755 })
  // Processes with different roles may share a state path; two with the same must not.
  for (const role of roles) {
    later(lockStatePath(statePath, join(statePath, `${role}.lock`)), (lock) => lock.release())
  }
  const secrets = loadSecrets(join(statePath, 'secrets.json'))
  const logs = later(openLogs(config.DEFAULT), (opened) => opened.close())
  const metrics = startMetrics()
  const opened = await openBus({ transport_url: config.DEFAULT.transport_url, log: logs.role('nova-bus') })
  const bus = later(measuredBus(opened, metrics), (measured) => measured.close())
  if (config.bunova.metrics_listen) {
    const server = later(serveMetrics(metrics, config.bunova.metrics_listen), (started) => started.stop())
    say(`metrics: ${server.url}/metrics`)
  }

  let url: string | null = null
  let knownHosts = (): number => Number.POSITIVE_INFINITY
  if (roles.has('api') || roles.has('scheduler') || roles.has('conductor')) {
    const databases = await openStorage(config, statePath, logs, later)
    const control = await startControlPlane({ config, roles, statePath, secrets, logs, metrics, bus, databases }, later)
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
  readonly metrics: Metrics
  readonly bus: Bus
  readonly databases: Databases
}

interface ControlPlane {
  /** Of the APIs; null without that role. */
  readonly url: string | null
  readonly scheduler: Scheduler | null
}

async function startControlPlane(parts: Parts, later: Later): Promise<ControlPlane> {
  const { config, roles, logs, metrics, bus, databases } = parts
  const cells = createCells(databases, logs.role('nova-conductor'))
  const networks = createNetworks({
    db: databases.global,
    externalCidr: config.bunova.external_network_cidr || null,
    hostsChanged: (hosts) => ringHosts(bus, hosts, logs.role('nova-network')),
    log: logs.role('nova-network'),
  })
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
      snapshots: api?.snapshots ?? remoteSnapshots(bus),
      hosts: createHostCalls(bus, systemClock),
      clock: systemClock,
      log,
      concurrency: config.conductor.workers,
      max_attempts: config.scheduler.max_attempts,
      instance_name_template: config.DEFAULT.instance_name_template,
      shutdown_timeout_s: config.DEFAULT.shutdown_timeout,
      resize_confirm_window_s: config.DEFAULT.resize_confirm_window,
      shelved_offload_time_s: config.DEFAULT.shelved_offload_time,
      reclaim_instance_interval_s: config.DEFAULT.reclaim_instance_interval,
      running_deleted_instance_action: config.DEFAULT.running_deleted_instance_action,
      default_schedule_zone: config.DEFAULT.default_schedule_zone ?? null,
      observe: taskMetrics(metrics),
    })
    measureConductor(conductor, metrics)
    later(conductor, (started) => started.stop())
    await conductor.start()
    later(await reportRole(databases.global, 'nova-conductor', config, systemClock, log), (report) => report.stop())
  }
  return { url: api?.url ?? null, scheduler }
}

async function startApi(parts: Parts, cells: Cells, networks: Networks, later: Later) {
  const { config, statePath, secrets, logs, metrics, bus, databases } = parts
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
    images: {
      show: (ctx, id) => images.factsFor(ctx, id),
      createSnapshot: (_ctx, fields) => images.snapshots.create(fields),
      discardSnapshot: images.snapshots.discard,
    },
    networks,
    proxies: bindProxies({ images, networks, policy }),
    hostCalls: createHostCalls(bus, clock),
    scheduling: remoteScheduling(bus, config.DEFAULT.rpc_response_timeout),
    clock,
    log: logs.role('nova-api'),
    quota: config.quota,
    instance_name_template: config.DEFAULT.instance_name_template,
    rpc_response_timeout_s: config.DEFAULT.rpc_response_timeout,
    allow_resize_to_same_host: config.DEFAULT.allow_resize_to_same_host,
    reclaim_instance_interval_s: config.DEFAULT.reclaim_instance_interval,
    service_down_time_s: config.DEFAULT.service_down_time,
    default_availability_zone: config.DEFAULT.default_availability_zone,
    default_schedule_zone: config.DEFAULT.default_schedule_zone ?? null,
    internal_service_availability_zone: config.DEFAULT.internal_service_availability_zone,
    console_token_ttl_s: config.consoleauth.token_ttl,
  })
  const { admin_password, demo_password, node_id } = secrets
  const [{ node }] = await Promise.all([
    identity.bootstrap({ admin_password, demo_password, node: node_id }),
    networks.bootstrap(),
    compute.flavors.bootstrap(),
  ])

  const authenticate = authenticator(identity)
  const consoleBases = { vnc: config.vnc.novncproxy_base_url, serial: config.serial_console.base_url }
  const description: ComputeDescription = {
    compute,
    config: config.api,
    consoleUrl: (kind, token, origin) => consoleUrl(kind, token, origin, consoleBases[kind]),
  }
  const http = await serve({
    faces: [
      computeFace({ ...description, authenticate, policy }),
      ...docsFaces(description),
      consoleFace({
        consoles: compute.consoles,
        relayUrl: () => relayUrl(config.bunova.console_relay_url ?? url),
        allowedOrigins: config.console.allowed_origins,
      }),
      identityFace({ identity, policy }),
      imageFace({ images, authenticate, policy }),
      networkFace({ networks, authenticate, policy }),
      placementFace({ placement: compute.placement, authenticate, policy }),
      metricsFace(metrics, authenticate, policy),
    ],
    listen: { host: config.DEFAULT.osapi_compute_listen, port: config.DEFAULT.osapi_compute_listen_port },
    logs,
    classify: asProblem,
    maxBodyBytes: config.oslo_middleware.max_request_body_size,
    trustProxyHeaders: config.oslo_middleware.enable_proxy_headers_parsing,
    linkPrefixes: { 'nova-api': config.api.compute_link_prefix },
    accessLog: config.bunova.access_log,
    observe: requestMetrics(metrics),
  })
  later(http, (server) => server.stop({ deadline_s: DRAIN_S }))
  const url = reachableUrl(http.url, config)
  writeClientFiles(statePath, url, node === node_id ? secrets : null)

  const imageApi = config.glance.endpoint_override ?? `${url}/image`
  const sources: ImageSources = { imageSource: (id) => images.imageSource(id, imageApi) }
  const snapshots: ImageSnapshots = { ...images.snapshots, target: (id) => images.snapshots.target(id, imageApi) }
  later(serveImages(bus, sources), (subscription) => subscription.stop())
  later(serveSnapshots(bus, snapshots), (subscription) => subscription.stop())
  return { url, images: sources, snapshots }
}

/** Has conductors tell these hosts of their network; one that is not told asks by itself. */
function ringHosts(bus: Bus, hosts: readonly string[], log: Logger): void {
  bus.publish(HOST_NETWORKS_CHANGED, { hosts: [...hosts] }).catch((error) => {
    log.debug({ err: error }, 'hosts were not told of changes of their network; they will ask')
  })
}

/** Where others reach what listens everywhere: a wildcard is an address to listen at, not to call. */
function reachableUrl(url: string, config: Config): string {
  return url.replace(/^http:\/\/(0\.0\.0\.0|\[::\])/, `http://${config.DEFAULT.my_ip}`)
}

async function startScheduler({ config, logs, metrics, bus, databases }: Parts, cells: Cells, later: Later): Promise<Scheduler> {
  const log = logs.role('nova-scheduler')
  const guestFacts = guestFactsOf(config.filter_scheduler)
  const scheduler = createScheduler({
    config,
    cells: cells
      .withHosts()
      .map((cell) => hostSource(cells.global, cell, config.DEFAULT.default_availability_zone, guestFacts)),
    clock: systemClock,
    log,
    observe: decisionMetrics(metrics),
  })
  measureScheduler(scheduler, metrics)
  await scheduler.start(bus)
  later(scheduler, (started) => started.stop())
  later(await reportRole(databases.global, 'nova-scheduler', config, systemClock, log), (report) => report.stop())
  return scheduler
}

async function waitFor(holds: () => boolean, deadline_ms: number): Promise<void> {
  const deadline = Date.now() + deadline_ms
  while (!holds() && Date.now() < deadline) await systemClock.sleep(5)
}
