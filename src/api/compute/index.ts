import type { Compute } from '../../compute/index.ts'
import type { Problem, RequestContext } from '../../kernel/index.ts'
import type { Call, Face } from '../../platform/http/index.ts'
import type { Policy } from '../../platform/policy/index.ts'
import { aggregates } from './aggregates.ts'
import { attachments } from './attachments.ts'
import { baremetalNodes } from './baremetal-nodes.ts'
import { consoles, type ConsolesConfig } from './consoles.ts'
import { extensions } from './extensions.ts'
import { externalEvents } from './external-events.ts'
import { faultAnswer } from './faults.ts'
import { flavors } from './flavors.ts'
import { hosts } from './hosts.ts'
import { hypervisors } from './hypervisors.ts'
import { imageProxy } from './image-proxy.ts'
import { instanceActions } from './instance-actions.ts'
import { keypairs } from './keypairs.ts'
import { migrations } from './migrations.ts'
import { networkProxy } from './network-proxy.ts'
import { describe } from './openapi/index.ts'
import { CURRENT, registerResources } from './pipeline.ts'
import { quotas } from './quotas.ts'
import { removed } from './removed.ts'
import type { Resource } from './route.ts'
import { scheduling } from './scheduling.ts'
import { serverActions } from './server-actions.ts'
import { securityGroupProxy } from './security-group-proxy.ts'
import { serverGroups } from './server-groups.ts'
import { serverImages } from './server-images.ts'
import { serverInterfaces } from './server-interfaces.ts'
import { serverMoves } from './server-moves.ts'
import { serverParts } from './server-parts.ts'
import { serverRebuild } from './server-rebuild.ts'
import { serverResize } from './server-resize.ts'
import { serverPassword } from './server-password.ts'
import { serverShares } from './server-shares.ts'
import { serverTopology } from './server-topology.ts'
import { servers } from './servers.ts'
import { services } from './services.ts'
import { usageAuditLog } from './usage-audit-log.ts'
import { tenantUsage } from './usage.ts'
import { requestedVersion, versionHeaders } from './version.ts'
import { versionRoutes } from './versions.ts'
import { volumesBoot } from './volumes-boot.ts'
import { volumeAttachments, volumeProxies } from './volumes.ts'

export { computePolicies } from './policies.ts'

/** What the rows of the API are made of. */
export interface ComputeDescription {
  readonly compute: Compute
  readonly consoleUrl: ConsolesConfig['consoleUrl']
  readonly config: {
    /** `[api] max_limit`: entries of one page. */
    readonly max_limit: number
    /** `[api] enable_instance_password`. */
    readonly enable_instance_password: boolean
    /** Where clients get tokens, for the 401's `WWW-Authenticate`; absent: `/identity` beside this API. */
    readonly www_authenticate_uri?: string
  }
}

export interface ComputeFaceOptions extends ComputeDescription {
  /** Who asks. @throws {Problem} unauthorized */
  readonly authenticate: (call: Call) => RequestContext
  readonly policy: Policy
}

/** Every row of the API, for all that must agree about it. */
export function computeResources({ compute, config, consoleUrl }: ComputeDescription): Resource[] {
  const maxLimit = config.max_limit
  const adminPassword = config.enable_instance_password
  const ofServers = [
    servers(compute, { maxLimit, adminPassword }),
    serverActions(compute),
    serverRebuild(compute, { adminPassword }),
    serverImages(compute),
    serverResize(compute),
    serverMoves(compute, { adminPassword }),
    serverInterfaces(compute),
  ]
  return [
    ...ofServers,
    volumesBoot(ofServers),
    serverParts(compute),
    consoles(compute, { consoleUrl }),
    attachments(compute),
    scheduling(compute),
    volumeAttachments(compute),
    serverPassword(compute),
    serverShares(compute),
    serverTopology(compute),
    externalEvents(compute),
    serverGroups(compute, { maxLimit }),
    instanceActions(compute, { maxLimit }),
    flavors(compute, { maxLimit }),
    keypairs(compute, { maxLimit }),
    services(compute),
    hosts(compute),
    usageAuditLog(compute),
    hypervisors(compute, { maxLimit }),
    aggregates(compute),
    quotas(compute),
    migrations(compute, { maxLimit }),
    tenantUsage(compute, { maxLimit }),
    extensions,
    imageProxy(compute, { maxLimit }),
    networkProxy(compute),
    securityGroupProxy(compute, { maxLimit }),
    volumeProxies,
    baremetalNodes,
    removed,
  ]
}

/** The API described: `/openapi.json` and `/docs`. */
export const docsFaces = (description: ComputeDescription): Face[] => describe(computeResources(description))

/** Nova's API, below `/compute`. */
export function computeFace(options: ComputeFaceOptions): Face {
  const prefix = '/compute'
  return {
    name: 'nova-api',
    prefix,
    jsonSuffix: true,
    routes: [...versionRoutes, ...registerResources(computeResources(options), options)],
    fault: (problem: Problem, call: Call) =>
      faultAnswer(problem, options.config.www_authenticate_uri ?? identityBeside(call.baseUrl, prefix)),
    headers: (call: Call) => headersOf(call),
  }
}

const identityBeside = (baseUrl: string, prefix: string): string =>
  `${baseUrl.endsWith(prefix) ? baseUrl.slice(0, -prefix.length) : baseUrl}/identity`

const VARY = { Vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version' }

/** The version an answer speaks. One that could not be understood is echoed by none. */
function headersOf(call: Call): Record<string, string> {
  const id = { 'x-compute-request-id': call.requestId }
  if (call.path !== CURRENT.prefix && !call.path.startsWith(`${CURRENT.prefix}/`)) return id
  try {
    return { ...versionHeaders(requestedVersion(call.request.headers)), ...id }
  } catch {
    return { ...VARY, ...id }
  }
}
