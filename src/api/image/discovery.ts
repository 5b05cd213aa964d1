import { notFound, Problem } from '../../kernel/index.ts'
import type { HttpRoute } from '../../platform/http/index.ts'
import type { Authenticate } from './gate.ts'
import { schemas } from './schemas.ts'

/** Bytes come to an image by upload only. */
const NO_IMPORT = 'Images are uploaded here: PUT their bytes to /v2/images/{id}/file. There is no import.'
const NO_STORES = 'Multi backend is not supported at this site'

/** Collections that clients look into and that are always empty in this cloud, by path. */
const EMPTY = {
  '/v2/tasks': 'tasks',
  '/v2/metadefs/namespaces': 'namespaces',
  '/v2/metadefs/resource_types': 'resource_types',
  '/v2/images/:image_id/tasks': 'tasks',
} as const

/** What Glance can be asked to do that this service does not, with the reason. */
const REFUSED = [
  ['POST', '/v2/tasks', NO_IMPORT],
  ['POST', '/v2/images/:image_id/import', NO_IMPORT],
  ['PUT', '/v2/images/:image_id/stage', NO_IMPORT],
  ['DELETE', '/v2/stores/:store_id/:image_id', NO_STORES],
  ['GET', '/v2/images/:image_id/locations', 'Where the bytes of an image are is not told.'],
  ['POST', '/v2/images/:image_id/locations', 'An image gets its bytes by upload, not by a location.'],
] as const

/** What clients read to find out what the service can do. */
export function discoveryRoutes(authenticate: Authenticate): HttpRoute[] {
  const empty = Object.entries(EMPTY).map(
    ([path, name]): HttpRoute => ({
      method: 'GET',
      path,
      handle(call) {
        authenticate(call)
        return { status: 200, body: { [name]: [], first: call.path, schema: `/v2/schemas/${name}` } }
      },
    }),
  )
  const refused = REFUSED.map(
    ([method, path, reason]): HttpRoute => ({
      method,
      path,
      handle(call) {
        authenticate(call)
        throw new Problem('not_implemented', reason)
      },
    }),
  )
  return [
    {
      method: 'GET',
      path: '/v2/schemas/:name',
      handle(call) {
        authenticate(call)
        const name = call.params.name ?? ''
        if (!Object.hasOwn(schemas, name)) throw notFound('The resource could not be found.')
        return { status: 200, body: schemas[name] }
      },
    },
    {
      method: 'GET',
      path: '/v2/info/import',
      handle(call) {
        authenticate(call)
        const methods = { description: 'Import methods available.', type: 'array', value: [] }
        return { status: 200, body: { 'import-methods': methods } }
      },
    },
    {
      method: 'GET',
      path: '/v2/info/stores',
      handle(call) {
        authenticate(call)
        throw notFound(NO_STORES)
      },
    },
    ...empty,
    ...refused,
  ]
}
