import type { Images } from '../../image/index.ts'
import { notFound } from '../../kernel/index.ts'
import type { Face, HttpRoute } from '../../platform/http/index.ts'
import type { Policy } from '../../platform/policy/index.ts'
import { dataRoutes } from './data.ts'
import { fault } from './faults.ts'
import { type Authenticate, createGate } from './gate.ts'
import { imageRoutes } from './images.ts'
import { memberRoutes } from './members.ts'
import { schemas } from './schemas.ts'
import { versionRoutes } from './versions.ts'

export interface ImageFacePorts {
  readonly images: Images
  readonly authenticate: Authenticate
  readonly policy: Policy
}

/** Glance v2. */
export function imageFace({ images, authenticate, policy }: ImageFacePorts): Face {
  const gate = createGate(images, authenticate, policy)
  const schemaRoute: HttpRoute = {
    method: 'GET',
    path: '/v2/schemas/:name',
    handle(call) {
      authenticate(call)
      const name = call.params.name!
      if (!Object.hasOwn(schemas, name)) throw notFound('The resource could not be found.')
      return { status: 200, body: schemas[name] }
    },
  }
  const importRoute: HttpRoute = {
    method: 'GET',
    path: '/v2/info/import',
    handle(call) {
      authenticate(call)
      const methods = { description: 'Import methods available.', type: 'array', value: [] }
      return { status: 200, body: { 'import-methods': methods } }
    },
  }
  return {
    name: 'nova-image',
    prefix: '/image',
    routes: [
      ...versionRoutes,
      ...imageRoutes(images, gate),
      ...dataRoutes(images, gate),
      ...memberRoutes(images, gate),
      schemaRoute,
      importRoute,
    ],
    fault,
  }
}
