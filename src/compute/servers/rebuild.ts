import type { Located, Server } from '../../cells/index.ts'
import { badRequest, Problem, type RequestContext } from '../../kernel/index.ts'
import type { Changes, ServerPorts } from './change.ts'
import { builtFrom, checkFits, imageFor, publicKeyFor } from './create.ts'
import { TRANSITIONS } from './transitions.ts'

/** A parsed request to make a server anew where it is; what is absent stays as it is. */
export interface RebuildServer {
  readonly image_id: string
  readonly name?: string
  readonly description?: string | null
  readonly hostname?: string
  /** Null takes the key away. */
  readonly key_name?: string | null
  /** Null takes it away. */
  readonly user_data?: string | null
  readonly metadata?: Readonly<Record<string, string>>
  readonly trusted_image_certificates?: readonly string[] | null
  readonly access_ip_v4?: string | null
  readonly access_ip_v6?: string | null
  readonly auto_disk_config?: boolean
  readonly preserve_ephemeral: boolean
  readonly admin_password: string
  readonly personality: readonly { readonly path: string; readonly contents: string }[]
  readonly may_use_zero_disk: boolean
}

const REBUILD_DEADLINE_S = 3600

/** @throws {Problem} bad_request, over_quota, conflict */
export async function rebuildServer(
  ports: ServerPorts,
  { begin }: Changes,
  ctx: RequestContext,
  located: Located,
  request: RebuildServer,
): Promise<void> {
  const { server } = located
  const [image, key, limits] = await Promise.all([
    imageFor(ports, ctx, request.image_id),
    request.key_name === undefined ? null : keyOf(ports, ctx, request.key_name),
    ports.quotas.limitsOf(server.project_id),
  ])
  checkFits(server.flavor, image, request)
  const items = Object.keys(request.metadata ?? {}).length
  if (limits.metadata_items >= 0 && items > limits.metadata_items) {
    throw new Problem('over_quota', `Maximum number of metadata items exceeds ${limits.metadata_items}`)
  }
  const { image_id, preserve_ephemeral, admin_password, personality, may_use_zero_disk: _, ...changes } = request
  const { key_name: _key, ...given } = changes
  await begin(
    ctx,
    located,
    TRANSITIONS.rebuild,
    {
      kind: 'server.rebuild',
      // What it is now decides what it is afterwards: its row says so too, but not after a failure.
      input: { preserve_ephemeral, admin_password, personality, power_on: located.server.vm_state !== 'stopped' },
      deadline_s: REBUILD_DEADLINE_S,
    },
    (): Partial<Server> => ({ ...given, ...key, image_id, image: builtFrom(image), progress: 0 }),
  )
}

async function keyOf(
  ports: ServerPorts,
  ctx: RequestContext,
  key_name: string | null,
): Promise<Pick<Server, 'key_name' | 'public_key'>> {
  return { key_name, public_key: await publicKeyFor(ports, ctx, key_name) }
}

/** A parsed request to boot a server from another image, with its own disk at hand. */
export interface RescueServer {
  /** Null takes the image that the server was built from. */
  readonly image_id: string | null
  readonly admin_password: string
}

/** @throws {Problem} bad_request, conflict */
export async function rescueServer(
  ports: ServerPorts,
  { begin }: Changes,
  ctx: RequestContext,
  located: Located,
  { image_id: wanted, admin_password }: RescueServer,
): Promise<void> {
  const image_id = wanted ?? located.server.image_id
  if (image_id === null) throw badRequest(`Instance ${located.server.id} cannot be rescued: it has no image.`)
  if (wanted !== null) await imageFor(ports, ctx, image_id)
  await begin(ctx, located, TRANSITIONS.rescue, {
    kind: 'server.rescue',
    input: { image_id, admin_password },
    deadline_s: REBUILD_DEADLINE_S,
  })
}
