import { Type as T } from '@sinclair/typebox'
import { ImageSource, ImageTarget } from './instance.ts'
import { message } from './contract.ts'

/** Topic on which the API role tells where a host gets an image; its answer carries a permission that expires. */
export const IMAGE_SOURCES = 'image-sources'

export const imageSourceRequest = message('image.source-request', 1, T.Object({ image_id: T.String({ maxLength: 64 }) }))
export const imageSource = message('image.source', 1, ImageSource)

/** Topic on which the API role sees to images that are made of servers. */
export const IMAGE_SNAPSHOTS = 'image-snapshots'

const Id = T.String({ maxLength: 64 })
export const snapshotRequest = message(
  'image.snapshot-request',
  1,
  T.Union([
    T.Object({ ask: T.Literal('target'), image_id: Id }),
    T.Object({ ask: T.Literal('discard'), image_id: Id }),
    T.Object({
      ask: T.Literal('rotate'),
      backups: T.Object({
        server_id: Id,
        project_id: T.String({ maxLength: 255 }),
        backup_type: T.String({ maxLength: 255 }),
        keep: T.Integer({ minimum: 0 }),
      }),
    }),
  ]),
)
/** The target, or null where there is nothing to upload any more, and for what has no answer. */
export const snapshotAnswer = message('image.snapshot-answer', 1, T.Object({ target: T.Union([ImageTarget, T.Null()]) }))
