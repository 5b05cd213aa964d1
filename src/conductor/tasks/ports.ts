import type { Cells } from '../../cells/index.ts'
import type { HostCalls, ImageSnapshots, ImageSources, Planner, ServerNetworks } from '../ports.ts'

/** What the tasks of servers work with. */
export interface TaskPorts {
  readonly cells: Cells
  readonly planner: Planner
  readonly networks: ServerNetworks
  readonly images: ImageSources
  readonly snapshots: ImageSnapshots
  readonly hosts: HostCalls
  /** Rings the doorbell of a task in a database. */
  ring(database: string, taskId: string): void
  /** Tells schedulers that these hosts' rows have changed. @param tried servers whose claim there is made or lost */
  hostsChanged(cellId: string, hostIds: readonly number[], tried?: readonly string[]): void
  readonly max_attempts: number
  readonly default_schedule_zone: string | null
  readonly instance_name_template: string
  readonly shutdown_timeout_s: number
  /** `[DEFAULT] shelved_offload_time`. */
  readonly shelved_offload_time_s: number
}
