import type {
  AgentCommand,
  AgentQuery,
  CommandResult,
  ImageSource,
  ImageTarget,
  PlanRequest,
  PlanResult,
  QueryAnswer,
  Vif,
} from '../contracts/index.ts'
import type { RequestedNetwork } from '../cells/index.ts'

/** What tasks need of others; the composition root binds each here or over the bus. */
export interface Planner {
  plan(request: PlanRequest): Promise<PlanResult>
}

export interface ServerNetworks {
  /** Idempotent by server: a second call returns the ports of the first. */
  allocateForServer(input: {
    server_id: string
    project_id: string
    host: string
    availability_zone: string
    requests: readonly RequestedNetwork[] | 'auto' | 'none'
    security_groups: readonly string[]
    /** Certain that this is the first call for the server. */
    first: boolean
  }): Promise<Vif[]>
  /** Deletes the ports that compute made and frees those that it was given. */
  releaseForServer(serverId: string): Promise<void>
  /** Another port, made under the id given or an existing one. Asked for again, it finds it as it is. */
  attachToServer(input: {
    server_id: string
    project_id: string
    host: string
    availability_zone: string
    request: RequestedNetwork
    new_port_id: string
  }): Promise<Vif>
  /** Deletes the port or frees it. Of one that is not the server's: nothing. */
  detachFromServer(serverId: string, portId: string): Promise<void>
  /** Says that the server's ports are on another host now; empty: on none. */
  bindHost(serverId: string, host: string): Promise<void>
}

export interface ImageSources {
  /** @throws {Problem} not_found, or conflict when the image cannot be used now. */
  imageSource(imageId: string): Promise<ImageSource>
}

/** Images that are made of servers. */
export interface ImageSnapshots {
  /** Null where the bytes have arrived already. @throws {Problem} not_found when the image was deleted meanwhile */
  target(imageId: string): Promise<ImageTarget | null>
  /** Removes an image that did not come about. Of one that is gone: nothing. */
  discard(imageId: string): Promise<void>
  /** Deletes all but the newest `keep` backups of a kind. */
  rotate(backups: { server_id: string; project_id: string; backup_type: string; keep: number }): Promise<void>
}

export interface HostCalls {
  /** @throws {Problem} unavailable when the host does not answer within `deadline_s`. */
  command(host: string, command: AgentCommand, deadline_s: number): Promise<CommandResult>
  query<Q extends AgentQuery>(host: string, query: Q, deadline_s: number): Promise<QueryAnswer<Q['query']>>
}
