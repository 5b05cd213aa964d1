import { Type as T } from '@sinclair/typebox'
import type { Compute, RebuildServer } from '../../compute/index.ts'
import { badRequest, isUuid } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import { Base64, Bool, boolean, canonicalUuid, Description, Fqdn, Ipv4, Ipv6, Metadata, Name, Uuid } from './fields.ts'
import { newPassword } from './password.ts'
import { action, type Asked, bodyShape, Reply, resource } from './route.ts'
import { SERVER_ACTION } from './server-actions.ts'
import { serverSubject } from './servers.ts'
import { serverRebuilt } from './views/servers.ts'

const Rebuild = bodyShape(
  'server.rebuild',
  {
    name: T.Optional(Name),
    imageRef: Uuid,
    adminPass: T.Optional(T.String({ maxLength: 255 })),
    metadata: T.Optional(Metadata),
    preserve_ephemeral: T.Optional(Bool),
    'OS-DCF:diskConfig': T.Optional(T.Union([T.Literal('AUTO'), T.Literal('MANUAL')])),
    accessIPv4: T.Optional(T.Union([Ipv4, T.Literal('')])),
    accessIPv6: T.Optional(T.Union([Ipv6, T.Literal('')])),
    description: T.Optional(Description),
    key_name: T.Optional(T.Union([Name, T.Null()])),
    user_data: T.Optional(T.Union([Base64(65_535), T.Null()])),
    trusted_image_certificates: T.Optional(
      T.Union([
        T.Array(T.String({ minLength: 1, maxLength: 255 }), { minItems: 1, maxItems: 50, uniqueItems: true }),
        T.Null(),
      ]),
    ),
    hostname: T.Optional(Fqdn),
  },
  (rebuild) => closed({ rebuild }),
)
type Rebuild = ReturnType<ReturnType<typeof Rebuild.at>>['rebuild']

const Rescue = bodyShape(
  'server.rescue',
  { adminPass: T.Optional(T.String({ maxLength: 255 })), rescue_image_ref: T.Optional(Uuid) },
  (inner) => closed({ rescue: T.Union([inner, T.Null()]) }),
)

export interface RebuildConfig {
  /** `[api] enable_instance_password`: whether an answer has a password. */
  readonly adminPassword: boolean
}

/** A server made anew where it is, and one that is booted from another image. */
export function serverRebuild(compute: Compute, { adminPassword }: RebuildConfig) {
  const { servers } = compute
  const subject = serverSubject(compute)

  return resource('server rebuild', [
    action(SERVER_ACTION, 'rebuild', {
      policy: 'os_compute_api:servers:rebuild',
      subject,
      body: Rebuild,
      ok: 202,
      async handle(req) {
        const { ctx, subject, body, links } = req
        const password = body.rebuild.adminPass ?? newPassword()
        await servers.rebuild(ctx, subject.located, rebuildRequest(req, body.rebuild, password))
        const { server } = await servers.find(ctx, subject.located.server.id)
        const maySeeHost = req.does('host-status') && req.can('os_compute_api:servers:show:host_status')
        const [detail] = await servers.details([server], maySeeHost)
        const admin_password = adminPassword ? password : undefined
        return new Reply(
          { server: req.as(serverRebuilt, { ...detail!, admin_password }) },
          { Location: links.self(`/servers/${server.id}`) },
        )
      },
    }),

    action(SERVER_ACTION, 'rescue', {
      policy: 'os_compute_api:os-rescue',
      subject,
      body: Rescue,
      ok: 200,
      async handle({ ctx, subject, body }) {
        const admin_password = body.rescue?.adminPass ?? newPassword()
        const image = body.rescue?.rescue_image_ref
        const image_id = image === undefined ? null : canonicalUuid(image)
        await servers.rescue(ctx, subject.located, { image_id, admin_password })
        return adminPassword ? { adminPass: admin_password } : undefined
      },
    }),
  ])
}

/** @throws {Problem} forbidden where a field needs a right of its own */
function rebuildRequest(req: Asked, rebuild: Rebuild, admin_password: string): RebuildServer {
  if (rebuild.trusted_image_certificates) req.must('os_compute_api:servers:rebuild:trusted_certs')
  const image_id = canonicalUuid(rebuild.imageRef)
  if (!isUuid(image_id)) throw badRequest('Invalid imageRef provided.')
  const { name, description, hostname, key_name, user_data, metadata, trusted_image_certificates } = rebuild
  const diskConfig = rebuild['OS-DCF:diskConfig']
  return {
    image_id,
    admin_password,
    preserve_ephemeral: rebuild.preserve_ephemeral !== undefined && boolean(rebuild.preserve_ephemeral),
    // Known until 2.57 only, and so no field of the newest form.
    personality: (rebuild as { personality?: RebuildServer['personality'] }).personality ?? [],
    may_use_zero_disk: true,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(key_name === undefined ? {} : { key_name }),
    ...(user_data === undefined ? {} : { user_data }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(trusted_image_certificates === undefined ? {} : { trusted_image_certificates }),
    ...(rebuild.accessIPv4 === undefined ? {} : { access_ip_v4: rebuild.accessIPv4 || null }),
    ...(rebuild.accessIPv6 === undefined ? {} : { access_ip_v6: rebuild.accessIPv6 || null }),
    ...(diskConfig === undefined ? {} : { auto_disk_config: diskConfig === 'AUTO' }),
  }
}
