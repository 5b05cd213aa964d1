import type { RequestContext } from '../../kernel/index.ts'
import type { Networks } from '../../network/index.ts'
import type { Call, Face } from '../../platform/http/index.ts'
import type { Policy } from '../../platform/policy/index.ts'
import { fault } from './faults.ts'
import { emptyRoutes } from './empty.ts'
import { floatingIps } from './floating-ips.ts'
import { networks } from './networks.ts'
import { ports } from './ports.ts'
import { quotaRoutes } from './quotas.ts'
import { resourceRoutes } from './resource.ts'
import { routerInterfaceRoutes, routers } from './routers.ts'
import { securityGroupRules, securityGroups } from './security-groups.ts'
import { subnets } from './subnets.ts'
import { useRoutes } from './use.ts'
import { versionRoutes } from './versions.ts'

export interface NetworkFaceOptions {
  readonly networks: Networks
  /** @throws {Problem} unauthorized */
  readonly authenticate: (call: Call) => RequestContext
  /** Must know the rules of `networkPolicy`. */
  readonly policy: Policy
}

/** The network API, Neutron's v2.0, at `/network`. */
export function networkFace({ networks: service, authenticate, policy }: NetworkFaceOptions): Face {
  const gate = { authenticate, policy, tags: service.tags }
  return {
    name: 'neutron',
    prefix: '/network',
    routes: [
      ...versionRoutes(gate),
      ...resourceRoutes(gate, networks(service)),
      ...resourceRoutes(gate, subnets(service)),
      ...resourceRoutes(gate, ports(service)),
      ...resourceRoutes(gate, securityGroups(service)),
      ...resourceRoutes(gate, securityGroupRules(service)),
      ...resourceRoutes(gate, routers(service)),
      ...routerInterfaceRoutes(gate, service),
      ...resourceRoutes(gate, floatingIps(service)),
      ...useRoutes(gate, service),
      ...quotaRoutes(gate, service),
      ...emptyRoutes(gate),
    ],
    fault,
  }
}
