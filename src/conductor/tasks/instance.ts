import type { Server } from '../../cells/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { TaskPorts } from './ports.ts'
import type { GuestKey, ImageSource, Instance, Vif } from '../../contracts/index.ts'

export interface InstanceParts {
  /** `[DEFAULT] instance_name_template`. */
  readonly name_template: string
  readonly project_name: string
  readonly user_name: string
  readonly image: ImageSource | null
  readonly vifs: readonly Vif[]
}

/** What a host is told of a server: all it needs to make the guest, and what the guest may know about itself. */
export function instanceOf(server: Server, parts: InstanceParts): Instance {
  return {
    server_id: server.id,
    instance_name: instanceName(parts.name_template, server),
    name: server.name,
    hostname: server.hostname,
    project_id: server.project_id,
    project_name: parts.project_name,
    user_id: server.user_id,
    user_name: parts.user_name,
    created_at: server.created_at.toISOString(),
    flavor: server.flavor,
    image: parts.image,
    vifs: [...parts.vifs],
    reservation_id: server.reservation_id,
    launch_index: server.launch_index,
    availability_zone: server.availability_zone,
    metadata: { ...server.metadata },
    security_groups: server.security_groups.map(({ name }) => name),
    key: keyOf(server),
    user_data: server.user_data,
    config_drive: server.config_drive,
    personality: [],
  }
}

/**
 * A server that has been built as its host is told of it: whom it was made for and which ports it has is in its row.
 * @param changes what differs, such as the flavor that it is to have
 */
export function builtInstance(
  server: Server,
  name_template: string,
  image: ImageSource | null,
  changes: Partial<Instance> = {},
): Instance {
  const { owner_project_name: project_name = '', owner_user_name: user_name = '' } = server.system_metadata ?? {}
  return { ...instanceOf(server, { name_template, project_name, user_name, image, vifs: server.vifs }), ...changes }
}

/** Where a host finds the image that a server is made of; null for one without. @throws {Problem} where it is gone */
export async function imageOf({ images }: Pick<TaskPorts, 'images'>, server: Server): Promise<ImageSource | null> {
  return server.image_id === null ? null : images.imageSource(server.image_id)
}

/** The same for a guest whose disks are there: without it, only what was never cached cannot be had. */
export async function imageOfBuilt(ports: Pick<TaskPorts, 'images'>, server: Server): Promise<ImageSource | null> {
  try {
    return await imageOf(ports, server)
  } catch (error) {
    if (error instanceof Problem && (error.kind === 'not_found' || error.kind === 'conflict')) return null
    throw error
  }
}

/**
 * The kernel and ramdisk that the server's image named when the server was asked for; its owner was allowed to see them
 * then, and what the image says today does not count. @throws {Problem} where one is gone
 */
export async function bootImages(
  { images }: Pick<TaskPorts, 'images'>,
  { image }: Server,
): Promise<Pick<Instance, 'kernel' | 'ramdisk'>> {
  const { kernel_id, ramdisk_id } = image?.properties ?? {}
  if (!kernel_id) return {}
  const kernel = await images.imageSource(kernel_id)
  return ramdisk_id ? { kernel, ramdisk: await images.imageSource(ramdisk_id) } : { kernel }
}

function keyOf({ key_name, public_key }: Server): GuestKey | null {
  if (key_name === null || public_key === null) return null
  return { name: key_name, type: public_key.includes('BEGIN CERTIFICATE') ? 'x509' : 'ssh', public_key }
}

/** `instance-%08x` and the like: one conversion, d or x, of the server's number in its cell. */
export function instanceName(template: string, { number }: Pick<Server, 'number'>): string {
  const { before, width, base, after } = conversionOf(template)
  return base === null ? template : `${before}${(number ?? 0).toString(base).padStart(width, '0')}${after}`
}

interface Conversion {
  readonly before: string
  readonly width: number
  readonly base: 10 | 16 | null
  readonly after: string
}

/** There is one template, and a list of servers asks for it with each. */
let known: Conversion & { readonly template: string } | undefined

function conversionOf(template: string): Conversion {
  if (known?.template === template) return known
  const [, before = '', width = '0', letter, after = ''] = /^(.*?)%(?:0(\d+))?([dx])(.*)$/s.exec(template) ?? []
  known = { template, before, width: Number(width), base: letter === undefined ? null : letter === 'x' ? 16 : 10, after }
  return known
}
