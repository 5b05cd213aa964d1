import type { BuiltFrom, RequestedNetwork } from '../cells/index.ts'
import type { RequestContext } from '../kernel/index.ts'

/** What the use cases need of their neighbours. The composition root binds each. */

/** Projects belong to the identity service. */
export interface ProjectLookup {
  exists(projectId: string): Promise<boolean>
}

/** What a server needs to know of the image it is built from. */
export interface ImageFacts extends BuiltFrom {
  readonly status: string
  /** Null where the image has no bytes yet. */
  readonly size_bytes: number | null
  readonly virtual_size_bytes: number | null
}

export interface ImageLookup {
  /** @returns null for an image that does not exist or that the caller may not see. */
  show(ctx: RequestContext, imageId: string): Promise<ImageFacts | null>
}

export interface NetworkCheck {
  /** @throws {Problem} with Nova's text where a network, port, address or security group cannot be had. */
  validateRequests(
    ctx: RequestContext,
    requests: readonly RequestedNetwork[] | 'auto' | 'none',
    securityGroups: readonly string[],
  ): Promise<void>
}

/** Tells the schedulers to look at hosts again. Nothing is lost when nobody hears it. */
export interface HostNews {
  hostsChanged(cellId: string, hostIds: readonly number[]): void
}
