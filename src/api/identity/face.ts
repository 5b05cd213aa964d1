import type { Identity } from '../../identity/index.ts'
import type { Face } from '../../platform/http/index.ts'
import type { Policy } from '../../platform/policy/index.ts'
import { assignmentRoutes } from './assignments.ts'
import { catalogRoutes, PREFIX } from './catalog.ts'
import { credentialRoutes } from './credentials.ts'
import { domainRoutes } from './domains.ts'
import { emptyRoutes } from './empty.ts'
import { fault } from './faults.ts'
import { groupRoutes } from './groups.ts'
import { projectRoutes } from './projects.ts'
import { roleRoutes } from './roles.ts'
import { routeDeclarer } from './route.ts'
import { tokenRoutes } from './tokens.ts'
import { userRoutes } from './users.ts'
import { versionRoutes } from './versions.ts'

/** The identity API, version 3, at `/identity`. `policy` must know the rules of `identityPolicy`. */
export function identityFace({ identity, policy }: { identity: Identity; policy: Policy }): Face {
  const route = routeDeclarer(identity, policy)
  return {
    name: 'keystone',
    prefix: PREFIX,
    routes: [
      ...versionRoutes(),
      ...tokenRoutes(identity, policy),
      ...catalogRoutes(identity, route),
      ...projectRoutes(identity, route),
      ...userRoutes(identity, route),
      ...groupRoutes(identity, route),
      ...domainRoutes(identity, route),
      ...roleRoutes(identity, route),
      ...assignmentRoutes(identity, route),
      ...credentialRoutes(identity, route),
      ...emptyRoutes(route),
    ],
    fault,
    headers: () => VARY,
  }
}

const VARY = { vary: 'X-Auth-Token' }
