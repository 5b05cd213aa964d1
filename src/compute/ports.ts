import type { BuiltFrom, RequestedNetwork } from '../cells/index.ts'
import type { WhatIfRequest, WhatIfResult } from '../contracts/index.ts'
import type { Vif } from '../contracts/index.ts'
import type { RequestContext } from '../kernel/index.ts'
import type { SnapshotFields } from './servers/snapshot.ts'

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
  /** A queued image that a host is to fill. @returns its id. */
  createSnapshot(ctx: RequestContext, fields: SnapshotFields): Promise<string>
  /** Removes an image that is not needed any more. Of one that is gone: nothing. */
  discardSnapshot(imageId: string): Promise<void>
  /** @returns null for an image that does not exist or that the caller may not see. */
  show(ctx: RequestContext, imageId: string): Promise<ImageFacts | null>
}

/** A security group with its rules, as the network service has it. */
export interface SecurityGroup {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly project_id: string
  readonly rules: readonly {
    readonly id: string
    readonly direction: 'ingress' | 'egress'
    readonly ethertype: 'IPv4' | 'IPv6'
    /** Null is any; for ICMP the ports are its type and code. */
    readonly protocol: string | null
    readonly port_range_min: number | null
    readonly port_range_max: number | null
    readonly remote_ip_prefix: string | null
    readonly remote_group: { readonly name: string; readonly project_id: string } | null
  }[]
}

export interface NetworkCheck {
  /**
   * @returns the security groups that were meant by name or id, if there will be ports that can have them
   * @throws {Problem} with Nova's text where a network, port, address or security group cannot be had.
   */
  validateRequests(
    ctx: RequestContext,
    requests: readonly RequestedNetwork[] | 'auto' | 'none',
    securityGroups: readonly string[],
  ): Promise<readonly { readonly id: string; readonly name: string }[]>
  /** The groups of a server's ports. */
  groupsOfServer(serverId: string): Promise<readonly SecurityGroup[]>
  /** Says on which host the server's ports are, and has that told how its network has to be. */
  bindHost(serverId: string, host: string): Promise<void>
  /** The server's ports as its guest sees them. */
  vifsOfServer(serverId: string): Promise<Vif[]>
  /** @returns the group that was meant by its name or id. @throws {Problem} bad_request, not_found */
  addGroupToServer(ctx: RequestContext, serverId: string, projectId: string, name: string): Promise<GroupName>
  removeGroupFromServer(ctx: RequestContext, serverId: string, projectId: string, name: string): Promise<GroupName>
  addFixedIp(ctx: RequestContext, serverId: string, networkId: string): Promise<void>
  removeFixedIp(ctx: RequestContext, serverId: string, address: string): Promise<void>
  addFloatingIp(ctx: RequestContext, serverId: string, address: string, fixed: string | null): Promise<void>
  removeFloatingIp(ctx: RequestContext, serverId: string, address: string): Promise<void>
}

interface GroupName {
  readonly id: string
  readonly name: string
}

/** Tells the schedulers to look at hosts again. Nothing is lost when nobody hears it. */
export interface HostNews {
  hostsChanged(cellId: string, hostIds: readonly number[]): void
}

/** The schedulers, wherever they are. */
export interface Scheduling {
  /** @throws {Problem} bad_request for an assumption that cannot be made; unavailable when no scheduler answers. */
  whatIf(asked: WhatIfRequest): Promise<WhatIfResult>
}
