import type { Located, Server } from '../../cells/index.ts'
import { Problem, type RequestContext } from '../../kernel/index.ts'
import type { Changes, ServerPorts } from './change.ts'
import { assertAllowed, type Transition, TRANSITIONS } from './transitions.ts'

/** A parsed request for an image of a server. */
export interface SnapshotServer {
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  /** Of a backup: what kind it is and how many of that kind are kept. */
  readonly backup: { readonly backup_type: string; readonly keep: number } | null
}

const SNAPSHOT_DEADLINE_S = 14_400

/**
 * Begins an image of a server: it is there at once, queued, and becomes active when the host has uploaded the disk.
 * @returns its id. @throws {Problem} conflict, over_quota
 */
export async function snapshotServer(
  ports: ServerPorts,
  { begin }: Changes,
  ctx: RequestContext,
  located: Located,
  request: SnapshotServer,
): Promise<string> {
  const transition: Transition = request.backup ? TRANSITIONS.backup : TRANSITIONS.snapshot
  assertAllowed(ctx, located.server, transition)
  const { metadata_items: limit } = await ports.quotas.limitsOf(located.server.project_id)
  if (limit >= 0 && Object.keys(request.metadata).length > limit) {
    throw new Problem('over_quota', 'Image metadata limit exceeded')
  }
  const image_id = await ports.images.createSnapshot(ctx, snapshotFields(ctx, located.server, request))
  try {
    const { backup } = request
    await begin(ctx, located, transition, {
      kind: 'server.snapshot',
      input: { image_id, backup },
      deadline_s: SNAPSHOT_DEADLINE_S,
    })
    return image_id
  } catch (error) {
    await ports.images.discardSnapshot(image_id)
    throw error
  }
}

/** What an image says of itself that is made of a server. */
export interface SnapshotFields {
  readonly name: string
  readonly owner: string
  readonly disk_format: 'raw' | 'qcow2'
  readonly min_disk_gb: number
  readonly min_ram_mb: number
  readonly properties: Readonly<Record<string, string>>
}

/** Of an image's properties those that are about its bytes alone: `[DEFAULT] non_inheritable_image_properties`. */
const NOT_INHERITED = new Set([
  'cache_in_nova',
  'bittorrent',
  'img_signature_hash_method',
  'img_signature',
  'img_signature_key_type',
  'img_signature_certificate_uuid',
  'backup_type',
])

/** Nova's properties of a snapshot: those of the image it stems from, the user's, and where it comes from. */
export function snapshotFields(
  ctx: RequestContext,
  server: Server,
  { name, metadata, backup }: SnapshotServer,
): SnapshotFields {
  const inherited = Object.entries(server.image?.properties ?? {}).filter(([key]) => !NOT_INHERITED.has(key))
  const format = server.image?.disk_format
  return {
    name,
    owner: server.project_id,
    disk_format: format === 'raw' ? 'raw' : 'qcow2',
    min_disk_gb: Math.max(server.flavor.root_gb, server.image?.min_disk_gb ?? 0),
    min_ram_mb: server.image?.min_ram_mb ?? 0,
    properties: {
      ...Object.fromEntries(inherited),
      ...metadata,
      ...(server.image_id === null ? {} : { base_image_ref: server.image_id }),
      ...(backup ? { backup_type: backup.backup_type } : {}),
      image_type: backup ? 'backup' : 'snapshot',
      instance_uuid: server.id,
      user_id: ctx.userId,
      owner_id: server.project_id,
      owner_project_name: ctx.projectName,
      owner_user_name: ctx.userName,
      boot_roles: ctx.roles.join(','),
      image_location: 'snapshot',
      image_state: 'available',
    },
  }
}
