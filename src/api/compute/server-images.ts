import { Type as T } from '@sinclair/typebox'
import type { Compute } from '../../compute/index.ts'
import { closed } from './changes.ts'
import { Int, integer, Metadata, Name } from './fields.ts'
import { action, bodyShape, Reply, type Req, resource } from './route.ts'
import { SERVER_ACTION } from './server-actions.ts'
import { serverSubject } from './servers.ts'

const CreateImage = bodyShape('server.create_image', { name: Name, metadata: T.Optional(Metadata) }, (createImage) =>
  closed({ createImage }),
)

const CreateBackup = bodyShape(
  'server.create_backup',
  { name: Name, backup_type: T.String({ maxLength: 255 }), rotation: Int(0), metadata: T.Optional(Metadata) },
  (createBackup) => closed({ createBackup }),
)

/** Images made of servers. */
export function serverImages(compute: Compute) {
  const { servers } = compute
  const subject = serverSubject(compute)

  return resource('server images', [
    action(SERVER_ACTION, 'createImage', {
      policy: 'os_compute_api:servers:create_image',
      subject,
      body: CreateImage,
      ok: 202,
      async handle(req) {
        const { name, metadata = {} } = req.body.createImage
        return imageAt(req, await servers.snapshot(req.ctx, req.subject.located, { name, metadata, backup: null }))
      },
    }),

    action(SERVER_ACTION, 'createBackup', {
      policy: 'os_compute_api:os-create-backup',
      subject,
      body: CreateBackup,
      ok: 202,
      async handle(req) {
        const { name, backup_type, rotation, metadata = {} } = req.body.createBackup
        const keep = integer(rotation)
        const backup = { backup_type, keep }
        const image = await servers.snapshot(req.ctx, req.subject.located, { name, metadata, backup })
        // Of none that are kept there is none to name.
        return keep > 0 ? imageAt(req, image) : undefined
      },
    }),
  ])
}

/** Where the image is: in a header, since 2.45 by its id in the body. */
function imageAt(req: Req<unknown, Record<string, never>, unknown>, image_id: string): unknown {
  if (req.does('image-id-in-the-body')) return { image_id }
  return new Reply(undefined, { Location: req.links.self(`/images/${image_id}`) })
}
