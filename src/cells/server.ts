import type { Flavor, Vif } from '../contracts/index.ts'

/** Nova's vm_state: what the server is when nothing is being done to it. */
export type VmState =
  | 'active'
  | 'building'
  | 'paused'
  | 'suspended'
  | 'stopped'
  | 'rescued'
  | 'resized'
  | 'soft-delete'
  | 'deleted'
  | 'error'
  | 'shelved'
  | 'shelved_offloaded'

/** Nova's numbers for what a hypervisor last said of the guest. */
export const POWER = { nostate: 0, running: 1, paused: 3, shutdown: 4, crashed: 6, suspended: 7 } as const

/** Why a server is in ERROR. `details` is for admins only. */
export interface Fault {
  readonly code: number
  readonly message: string
  readonly details?: string
  /** ISO 8601, UTC. */
  readonly created: string
}

/** The image a server was built from, as it was then. */
export interface BuiltFrom {
  readonly id: string
  readonly name: string
  readonly disk_format: string
  readonly min_disk_gb: number
  readonly min_ram_mb: number
  readonly properties: Readonly<Record<string, string>>
}

export interface RequestedNetwork {
  readonly network_id?: string
  readonly port_id?: string
  readonly fixed_ip?: string
  readonly tag?: string
}

/** A server as lists have it. */
export interface ListedServer {
  readonly id: string
  /** Given by the cell; null before. */
  readonly number: number | null
  readonly project_id: string
  readonly user_id: string
  readonly name: string
  readonly description: string | null
  readonly hostname: string
  readonly vm_state: VmState
  readonly task_state: string | null
  readonly power_state: number
  readonly progress: number
  readonly flavor: Flavor
  readonly flavor_id: string
  readonly image_id: string | null
  readonly image: BuiltFrom | null
  readonly key_name: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  /** As they were called when the server was asked for; the id says which one is meant. */
  readonly security_groups: readonly { readonly id?: string; readonly name: string }[]
  readonly vifs: readonly Vif[]
  readonly availability_zone: string | null
  readonly host: string | null
  readonly node: string | null
  readonly reservation_id: string
  readonly launch_index: number
  readonly config_drive: boolean
  readonly user_data: string | null
  readonly access_ip_v4: string | null
  readonly access_ip_v6: string | null
  readonly auto_disk_config: boolean
  readonly root_device_name: string | null
  /** As given; nothing here verifies signatures, which is Nova's default too. */
  readonly trusted_image_certificates: readonly string[] | null
  /** In the words of the request; what filters read of them went with its task. */
  readonly scheduler_hints: Readonly<Record<string, unknown>>
  readonly locked_by: 'owner' | 'admin' | null
  readonly locked_reason: string | null
  /** The server group it is in. */
  readonly group_id: string | null
  readonly fault: Fault | null
  readonly generation: number
  readonly created_at: Date
  readonly updated_at: Date
  readonly launched_at: Date | null
  readonly terminated_at: Date | null
  readonly deleted_at: Date | null
}

export interface SystemMetadata {
  /** Who it was made for, as the token of that request named them. */
  readonly owner_project_name?: string
  readonly owner_user_name?: string
  /** The image it was shelved into, and when (ISO 8601). */
  readonly shelved_image_id?: string
  readonly shelved_at?: string
  /** When it was deleted softly (ISO 8601). */
  readonly soft_deleted_at?: string
  /** What the guest has posted to its metadata service, encrypted for its owner. */
  readonly guest_password?: string
}

/** A row of a cell's `servers`, or of `accepted_servers` while no cell has it: the same columns. */
export interface Server extends ListedServer {
  readonly public_key: string | null
  readonly requested_networks: readonly RequestedNetwork[] | 'auto' | 'none' | null
  /** How the scheduler came to its decision. */
  readonly explanation: unknown
  /** What Nova keeps in its system metadata, of which nothing is for the owner to see. */
  readonly system_metadata?: SystemMetadata | null
  /** When its host sent what `power_state` says, by the host's clock. */
  readonly power_reported_at: Date | null
}

/**
 * What a list reads. JSON that nobody looks at there is left where it is: reading rows is most of what a long list costs.
 */
export const LISTED_COLUMNS = [
  'id',
  'number',
  'project_id',
  'user_id',
  'name',
  'description',
  'hostname',
  'vm_state',
  'task_state',
  'power_state',
  'progress',
  'flavor',
  'flavor_id',
  'image_id',
  'image',
  'key_name',
  'metadata',
  'tags',
  'security_groups',
  'vifs',
  'availability_zone',
  'host',
  'node',
  'reservation_id',
  'launch_index',
  'config_drive',
  'user_data',
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'root_device_name',
  'trusted_image_certificates',
  'scheduler_hints',
  'locked_by',
  'locked_reason',
  'group_id',
  'fault',
  'generation',
  'created_at',
  'updated_at',
  'launched_at',
  'terminated_at',
  'deleted_at',
] as const satisfies readonly (keyof ListedServer)[]
