import type { Placement } from '../../compute/index.ts'
import type { RequestContext } from '../../kernel/index.ts'
import type { Call, Face } from '../../platform/http/index.ts'
import type { Policy } from '../../platform/policy/index.ts'
import { candidateRoutes } from './candidates.ts'
import { consumerRoutes } from './consumers.ts'
import { fault } from './faults.ts'
import { nameRoutes } from './names.ts'
import { providerRoutes } from './providers.ts'
import { MAX_VERSION, versionHeaders } from './version.ts'

export interface PlacementFaceOptions {
  readonly placement: Placement
  /** @throws {Problem} unauthorized */
  readonly authenticate: (call: Call) => RequestContext
  /** Must know the rules of `placementPolicy`. */
  readonly policy: Policy
}

/** Placement's API at `/placement`, to read: what it tells is kept by the compute hosts and the claims on them. */
export function placementFace({ placement, authenticate, policy }: PlacementFaceOptions): Face {
  const gate = { authenticate, policy }
  return {
    name: 'placement-api',
    prefix: '/placement',
    routes: [
      { method: 'GET', path: '/', handle: () => ({ status: 200, body: VERSIONS }) },
      ...providerRoutes(gate, placement),
      ...consumerRoutes(gate, placement),
      ...candidateRoutes(gate, placement),
      ...nameRoutes(gate, placement),
    ],
    fault,
    headers: (call) => versionHeaders(call.request.headers),
  }
}

const VERSIONS = {
  versions: [
    {
      id: 'v1.0',
      min_version: '1.0',
      max_version: `1.${MAX_VERSION}`,
      status: 'CURRENT',
      links: [{ rel: 'self', href: '' }],
    },
  ],
}
