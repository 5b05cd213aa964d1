import { accept, type BuiltFrom, type QuotaLimits, type RequestedNetwork, type Server } from '../../cells/index.ts'
import { insertTasks } from '../../conductor/index.ts'
import type { Flavor, SchedulerHints } from '../../contracts/index.ts'
import { badRequest, newId, Problem, type RequestContext } from '../../kernel/index.ts'
import { checkHints } from '../../scheduler/index.ts'
import { findFlavor, type FlavorRow } from '../flavors/flavors.store.ts'
import { findKeypair } from '../keypairs/keypairs.store.ts'
import type { ImageFacts } from '../ports.ts'
import type { Bounds, QuotaValues } from '../quotas/quotas.ts'
import { hostnameOf } from './hostname.ts'
import type { ServerPorts } from './change.ts'

/** A parsed and authorised request for new servers. */
export interface CreateServers {
  readonly name: string
  /** Null shows the name, as before 2.19. */
  readonly description: string | null
  readonly flavor_id: string
  readonly image_id: string
  readonly key_name: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  readonly networks: readonly RequestedNetwork[] | 'auto' | 'none'
  readonly security_groups: readonly string[]
  readonly availability_zone: string | null
  /** Skips the filters: `az:host:node`. */
  readonly force_host: string | null
  readonly force_node: string | null
  /** Wanted, if it passes the filters. */
  readonly requested_host: string | null
  readonly requested_node: string | null
  readonly hints: SchedulerHints
  /** All that was hinted at, to be shown again. */
  readonly asked_hints: Readonly<Record<string, unknown>>
  /** The server group to be in, from the hint `group`. */
  readonly group_id: string | null
  readonly trusted_image_certificates: readonly string[] | null
  readonly hostname: string | null
  readonly config_drive: boolean
  readonly user_data: string | null
  /** What the guest finds on its config drive: the password that its owner was told, and files. */
  readonly admin_password?: string | undefined
  readonly personality?: readonly { readonly path: string; readonly contents: string }[] | undefined
  readonly access_ip_v4: string | null
  readonly access_ip_v6: string | null
  readonly auto_disk_config: boolean | null
  readonly min_count: number
  readonly max_count: number
  /** Whether a flavor without a disk of its own size may boot an image. */
  readonly may_use_zero_disk: boolean
}

/** Servers of one request, where the quota has no bound of its own. */
export const MAX_SERVERS_PER_REQUEST = 1000

const SCHEDULE_DEADLINE_S = 300
/** Tries to find a number of servers that fits when other requests take their part of the quota meanwhile. */
const MAX_QUOTA_ATTEMPTS = 5

/**
 * Accepts a request for one or more servers: what can be found wrong now is refused now, the rest is the task's.
 * @returns the accepted servers; all have one reservation id.
 * @throws {Problem} bad_request, forbidden, over_quota, conflict
 */
export async function createServers(
  ports: ServerPorts,
  ctx: RequestContext,
  request: CreateServers,
): Promise<Server[]> {
  checkHints(request.hints)
  const [flavor, image, publicKey, bounds, groups] = await Promise.all([
    flavorFor(ports, ctx, request),
    imageFor(ports, ctx, request.image_id),
    publicKeyFor(ports, ctx, request.key_name),
    ports.quotas.boundsOf(ctx.projectId, ctx.userId),
    ports.networks.validateRequests(ctx, request.networks, request.security_groups),
    checkPlace(ports, request),
    ports.serverGroups.checkRoom(ctx, request.group_id, request.min_count),
  ])
  checkFits(flavor, image, request)
  const { metadata_items } = bounds.user ?? bounds.project
  if (metadata_items >= 0 && Object.keys(request.metadata).length > metadata_items) {
    throw new Problem('over_quota', `Maximum number of metadata items exceeds ${metadata_items}`)
  }
  // Without ports nobody has looked them up; they are shown as they were asked for.
  const securityGroups = request.networks === 'none' ? request.security_groups.map((name) => ({ name })) : groups
  const made = { flavor, image, publicKey, securityGroups, now: ports.clock.now() }
  const make = (count: number) => serversOf(ctx, request, { ...made, count })
  return acceptAsManyAsFit(ports, ctx, request, { flavor, bounds, make })
}

async function acceptAsManyAsFit(
  ports: ServerPorts,
  ctx: RequestContext,
  request: CreateServers,
  { flavor, bounds, make }: { flavor: FlavorRow; bounds: Bounds; make: (count: number) => Server[] },
): Promise<Server[]> {
  const { min_count, max_count } = request
  const { project } = bounds
  const limits = quotaLimits(bounds)
  let count = project.instances < 0 ? max_count : Math.min(max_count, Math.max(min_count, project.instances))
  for (let attempt = 1; ; attempt++) {
    if (count > MAX_SERVERS_PER_REQUEST) {
      throw badRequest(`A request may ask for at most ${MAX_SERVERS_PER_REQUEST} servers.`)
    }
    const servers = make(count)
    try {
      const { global } = ports.cells
      const tasks = servers.map((server) => ({
        id: newId(),
        kind: 'server.schedule',
        subject: server.id,
        request_id: ctx.requestId,
        input: scheduleInput(ctx, request),
        deadline_s: SCHEDULE_DEADLINE_S,
      }))
      await accept(global, servers, limits, insertTasks(global.sql, tasks))
      for (const task of tasks) ports.ring('global', task.id)
      return servers
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== 'over_quota' || attempt === MAX_QUOTA_ATTEMPTS) throw error
      const fitting = Math.min(count - 1, await ports.quotas.roomFor(ctx, flavor, bounds))
      if (fitting < min_count) throw error
      count = fitting
    }
  }
}

const limitsOf = ({ instances, cores, ram }: QuotaValues): QuotaLimits => ({ instances, cores, memory_mb: ram })

/** What servers are counted against, as the store of mappings takes it. */
export const quotaLimits = ({ project, user }: Bounds) => ({ project: limitsOf(project), user: user && limitsOf(user) })

function scheduleInput(ctx: RequestContext, request: CreateServers): Record<string, unknown> {
  const { force_host, force_node, requested_host, requested_node, hints, admin_password, personality = [] } = request
  return {
    project_name: ctx.projectName,
    user_name: ctx.userName,
    force_host,
    force_node,
    ...(requested_host === null ? {} : { requested_host }),
    ...(requested_node === null ? {} : { requested_node }),
    ...(Object.keys(hints).length === 0 ? {} : { hints }),
    ...(admin_password === undefined ? {} : { admin_password }),
    ...(personality.length === 0 ? {} : { personality }),
  }
}

export async function flavorFor(
  ports: Pick<ServerPorts, 'cells'>,
  ctx: RequestContext,
  request: Pick<CreateServers, 'flavor_id'>,
): Promise<FlavorRow> {
  const flavor = await findFlavor(ports.cells.global.sql, request.flavor_id, ctx.isAdmin ? null : ctx.projectId)
  if (!flavor || flavor.disabled) throw badRequest(`Flavor ${request.flavor_id} could not be found.`)
  return flavor
}

export async function imageFor(ports: Pick<ServerPorts, 'images'>, ctx: RequestContext, imageId: string): Promise<ImageFacts> {
  const image = await ports.images.show(ctx, imageId)
  if (!image) throw badRequest('Can not find requested image')
  if (image.status !== 'active') throw badRequest(`Image ${imageId} is not active.`)
  const { kernel_id, ramdisk_id } = image.properties
  await Promise.all([kernel_id, ramdisk_id].map((id) => id && checkBootImage(ports, ctx, id)))
  return image
}

/** A kernel or ramdisk that an image names is another image: whoever boots it must be allowed to see it too. */
async function checkBootImage({ images }: Pick<ServerPorts, 'images'>, ctx: RequestContext, id: string): Promise<void> {
  const image = await images.show(ctx, id)
  if (!image) throw badRequest(`Image ${id} could not be found.`)
  if (image.status !== 'active') throw badRequest(`Image ${id} is not active.`)
}

export async function publicKeyFor(ports: Pick<ServerPorts, 'cells'>, ctx: RequestContext, name: string | null): Promise<string | null> {
  if (name === null) return null
  const keypair = await findKeypair(ports.cells.global.sql, ctx.userId, name)
  if (!keypair) throw badRequest('Invalid key_name provided.')
  return keypair.public_key
}

export async function checkPlace(ports: ServerPorts, request: CreateServers): Promise<void> {
  const { availability_zone } = request
  const host = request.force_host ?? request.requested_host
  const node = request.force_node ?? request.requested_node
  if (availability_zone !== null) {
    const zones = await ports.hosts.zones({ internal: false })
    if (!zones.some((zone) => zone.name === availability_zone && zone.available)) {
      throw badRequest('The requested availability zone is not available')
    }
  }
  if (host === null && node === null) return
  const hypervisors = await ports.hosts.hypervisors()
  if (host !== null && !hypervisors.some((state) => state.host.host === host)) {
    throw badRequest(`Compute host ${host} could not be found.`)
  }
  if (node !== null && !hypervisors.some((state) => state.host.node === node)) {
    throw badRequest(`Compute host ${node} could not be found.`)
  }
}

const GIB = 2 ** 30

/** @throws {Problem} bad_request where no guest of this flavor can be made of the image */
export function checkFits(
  flavor: Pick<FlavorRow, 'memory_mb' | 'root_gb'>,
  image: ImageFacts,
  { may_use_zero_disk }: Pick<CreateServers, 'may_use_zero_disk'>,
): void {
  if (image.min_ram_mb > flavor.memory_mb) {
    throw badRequest("Flavor's memory is too small for requested image.")
  }
  if (flavor.root_gb === 0) {
    if (!may_use_zero_disk) {
      throw new Problem('forbidden', 'Only volume-backed servers are allowed for flavors with zero disk.')
    }
    return
  }
  const disk = flavor.root_gb * GIB
  const size = Math.max(image.size_bytes ?? 0, image.virtual_size_bytes ?? 0)
  if (size > disk) {
    throw badRequest(
      `Flavor's disk is too small for requested image. Flavor disk is ${disk} bytes, image is ${size} bytes.`,
    )
  }
  if (image.min_disk_gb > flavor.root_gb) {
    throw badRequest(
      "Flavor's disk is smaller than the minimum size specified in image metadata. " +
        `Flavor disk is ${disk} bytes, minimum size is ${image.min_disk_gb * GIB} bytes.`,
    )
  }
}

interface Ingredients {
  readonly flavor: FlavorRow
  readonly image: ImageFacts
  readonly publicKey: string | null
  readonly securityGroups: Server['security_groups']
  readonly count: number
  readonly now: number
}

function serversOf(ctx: RequestContext, request: CreateServers, made: Ingredients): Server[] {
  const { flavor, image } = made
  const reservation_id = newReservationId()
  const created_at = new Date(made.now)
  return Array.from({ length: made.count }, (_, index): Server => {
    const id = newId()
    const suffix = request.max_count > 1 ? `-${index + 1}` : ''
    const name = `${request.name}${suffix}`
    return {
      id,
      number: null,
      project_id: ctx.projectId,
      user_id: ctx.userId,
      name,
      description: request.description,
      hostname: request.hostname ?? hostnameOf(name, id),
      vm_state: 'building',
      task_state: 'scheduling',
      power_state: 0,
      progress: 0,
      flavor: flavorCopy(flavor),
      flavor_id: flavor.flavor_id,
      image_id: image.id,
      image: builtFrom(image),
      key_name: request.key_name,
      public_key: made.publicKey,
      metadata: request.metadata,
      tags: request.tags,
      security_groups: made.securityGroups,
      requested_networks: request.networks,
      vifs: [],
      availability_zone: request.availability_zone,
      host: null,
      node: null,
      reservation_id,
      launch_index: index,
      config_drive: request.config_drive,
      user_data: request.user_data,
      access_ip_v4: request.access_ip_v4,
      access_ip_v6: request.access_ip_v6,
      // Nova: on unless the image says otherwise or the request does.
      auto_disk_config: request.auto_disk_config ?? image.properties.auto_disk_config?.toLowerCase() === 'true',
      root_device_name: null,
      trusted_image_certificates: request.trusted_image_certificates,
      scheduler_hints: request.asked_hints,
      locked_by: null,
      locked_reason: null,
      group_id: request.group_id,
      fault: null,
      explanation: null,
      generation: 0,
      created_at,
      updated_at: created_at,
      launched_at: null,
      terminated_at: null,
      deleted_at: null,
      power_reported_at: null,
    }
  })
}

/** What is kept with a server of the image that it is built from. */
export const builtFrom = ({ id, name, disk_format, min_disk_gb, min_ram_mb, properties }: ImageFacts): BuiltFrom => ({
  id,
  name,
  disk_format,
  min_disk_gb,
  min_ram_mb,
  properties,
})

export function flavorCopy(flavor: FlavorRow): Flavor {
  return {
    id: flavor.flavor_id,
    name: flavor.name,
    vcpus: flavor.vcpus,
    memory_mb: flavor.memory_mb,
    root_gb: flavor.root_gb,
    ephemeral_gb: flavor.ephemeral_gb,
    swap_mb: flavor.swap_mb,
    extra_specs: { ...flavor.extra_specs },
  }
}

const RESERVATION_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** `r-` and eight letters or digits, as users know it from Nova. */
function newReservationId(): string {
  const random = crypto.getRandomValues(new Uint8Array(8))
  return `r-${[...random].map((byte) => RESERVATION_LETTERS[byte % RESERVATION_LETTERS.length]).join('')}`
}
