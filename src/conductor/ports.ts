import type {
  AgentCommand,
  AgentQuery,
  CommandResult,
  ImageSource,
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
  }): Promise<Vif[]>
  /** Deletes the ports that compute made and frees those that it was given. */
  releaseForServer(serverId: string): Promise<void>
}

export interface ImageSources {
  /** @throws {Problem} not_found, or conflict when the image cannot be used now. */
  imageSource(imageId: string): Promise<ImageSource>
}

export interface HostCalls {
  /** @throws {Problem} unavailable when the host does not answer within `deadline_s`. */
  command(host: string, command: AgentCommand, deadline_s: number): Promise<CommandResult>
  query<Q extends AgentQuery>(host: string, query: Q, deadline_s: number): Promise<QueryAnswer<Q['query']>>
}
