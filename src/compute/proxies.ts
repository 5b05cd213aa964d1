import type { RequestContext } from '../kernel/index.ts'
import type { SecurityGroup } from './ports.ts'

/**
 * What Nova handed on to its neighbours until 2.35 (images' metadata until 2.38): their resources as its old clients
 * know them. The composition root binds both; what a caller may do is decided by the neighbour's own rules.
 */
export interface Proxies {
  readonly images: ImageProxy
  readonly networks: NetworkProxy
}

export interface ProxiedImage {
  readonly id: string
  readonly name: string | null
  readonly status: string
  readonly size_bytes: number | null
  readonly min_disk_gb: number
  readonly min_ram_mb: number
  readonly properties: Readonly<Record<string, string>>
  readonly created_at: Date
  readonly updated_at: Date
}

export interface ImageFilter {
  readonly name: string | null
  /** As the image service calls them. */
  readonly statuses: readonly string[] | null
  readonly changes_since: Date | null
  readonly min_disk_gb: number | null
  readonly min_ram_mb: number | null
  readonly properties: Readonly<Record<string, string>>
  readonly marker: string | null
  readonly limit: number
}

export interface ImageProxy {
  /** Newest first. @throws {Problem} bad_request: unknown marker */
  list(ctx: RequestContext, filter: ImageFilter): Promise<readonly ProxiedImage[]>
  /** @throws {Problem} not_found, for one that the caller may not see too. */
  show(ctx: RequestContext, id: string): Promise<ProxiedImage>
  /** @throws {Problem} not_found, forbidden */
  delete(ctx: RequestContext, id: string): Promise<void>
  /** @param change what the properties become. @throws {Problem} not_found, forbidden, bad_request */
  changeProperties(
    ctx: RequestContext,
    id: string,
    change: (properties: Readonly<Record<string, string>>) => Record<string, string>,
  ): Promise<Readonly<Record<string, string>>>
}

export interface ProxiedNetwork {
  readonly id: string
  readonly name: string
}

export interface ProxiedFloatingIp {
  readonly id: string
  readonly address: string
  readonly fixed_address: string | null
  readonly server_id: string | null
  /** Name of the external network that it is of. */
  readonly pool: string
}

export interface WantedGroupRule {
  readonly group_id: string
  readonly protocol: string | null
  readonly from_port: number | null
  readonly to_port: number | null
  readonly cidr: string | null
  readonly remote_group_id: string | null
}

/** Everything not found is a Problem not_found, what belongs to another project too. */
export interface NetworkProxy {
  /** Those a server could be put on. */
  networks(ctx: RequestContext): Promise<readonly ProxiedNetwork[]>
  network(ctx: RequestContext, id: string): Promise<ProxiedNetwork>
  /** External networks, by name. */
  pools(ctx: RequestContext): Promise<readonly ProxiedNetwork[]>
  floatingIps(ctx: RequestContext): Promise<readonly ProxiedFloatingIp[]>
  floatingIp(ctx: RequestContext, id: string): Promise<ProxiedFloatingIp>
  /** @param pool name or id; null is the first one. @throws {Problem} not_found */
  allocateFloatingIp(ctx: RequestContext, pool: string | null): Promise<ProxiedFloatingIp>
  releaseFloatingIp(ctx: RequestContext, id: string): Promise<void>
  /** @param allProjects has an effect for administrators only */
  securityGroups(ctx: RequestContext, allProjects: boolean): Promise<readonly SecurityGroup[]>
  securityGroup(ctx: RequestContext, id: string): Promise<SecurityGroup>
  createSecurityGroup(ctx: RequestContext, wanted: { name: string; description: string }): Promise<SecurityGroup>
  updateSecurityGroup(
    ctx: RequestContext,
    id: string,
    changes: { name: string; description: string },
  ): Promise<SecurityGroup>
  /** @throws {Problem} bad_request while it is used */
  deleteSecurityGroup(ctx: RequestContext, id: string): Promise<void>
  /** @throws {Problem} bad_request for a contradiction, and for a rule that the group has */
  addRule(ctx: RequestContext, wanted: WantedGroupRule): Promise<SecurityGroup['rules'][number]>
  removeRule(ctx: RequestContext, id: string): Promise<void>
}
