import { Type as T } from '@sinclair/typebox'
import { ImageSource } from './instance.ts'
import { message } from './contract.ts'

/** Topic on which the API role tells where a host gets an image; its answer carries a permission that expires. */
export const IMAGE_SOURCES = 'image-sources'

export const imageSourceRequest = message('image.source-request', 1, T.Object({ image_id: T.String({ maxLength: 64 }) }))
export const imageSource = message('image.source', 1, ImageSource)
