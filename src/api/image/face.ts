import type { Images } from '../../image/index.ts'
import type { Face } from '../../platform/http/index.ts'
import type { Policy } from '../../platform/policy/index.ts'
import { dataRoutes } from './data.ts'
import { discoveryRoutes } from './discovery.ts'
import { fault } from './faults.ts'
import { type Authenticate, createGate } from './gate.ts'
import { imageRoutes } from './images.ts'
import { memberRoutes } from './members.ts'
import { versionRoutes } from './versions.ts'

export interface ImageFacePorts {
  readonly images: Images
  readonly authenticate: Authenticate
  readonly policy: Policy
}

/** Glance v2. */
export function imageFace({ images, authenticate, policy }: ImageFacePorts): Face {
  const gate = createGate(images, authenticate, policy)
  return {
    name: 'nova-image',
    prefix: '/image',
    routes: [
      ...versionRoutes,
      ...imageRoutes(images, gate),
      ...dataRoutes(images, gate),
      ...memberRoutes(images, gate),
      ...discoveryRoutes(authenticate),
    ],
    fault,
  }
}
