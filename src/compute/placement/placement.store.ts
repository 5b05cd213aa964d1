import type { CellDb } from '../../platform/db/index.ts'

export interface InventoryRow {
  readonly total: number
  readonly reserved: number
  readonly ratio: number
  readonly capacity: number
  readonly used: number
}

/** A compute node as what it has and what of it is claimed. */
export interface ProviderRow {
  readonly id: number
  readonly uuid: string
  readonly host: string
  readonly node: string
  /** Of nova-compute there. */
  readonly disabled: boolean
  /** Rises whenever the row changes. */
  readonly generation: number
  readonly updated_at: Date
  readonly traits: readonly string[]
  readonly vcpu: InventoryRow
  readonly memory_mb: InventoryRow
  readonly disk_gb: InventoryRow
}

/** Nodes in the order they joined, or the one of `uuid`. */
export async function listProviders(db: CellDb, uuid: string | null = null): Promise<ProviderRow[]> {
  return db.sql<ProviderRow[]>`
    select
      hosts.id, hosts.uuid, hosts.host, node, coalesce(services.disabled, false) as disabled,
      changed_in::text::bigint as generation, hosts.updated_at, traits,
      jsonb_build_object('total', vcpus, 'reserved', reserved_vcpus, 'ratio', cpu_allocation_ratio,
        'capacity', vcpus_capacity, 'used', vcpus_used) as vcpu,
      jsonb_build_object('total', memory_mb, 'reserved', reserved_memory_mb, 'ratio', ram_allocation_ratio,
        'capacity', memory_mb_capacity, 'used', memory_mb_used) as memory_mb,
      jsonb_build_object('total', local_gb, 'reserved', reserved_disk_gb, 'ratio', disk_allocation_ratio,
        'capacity', disk_gb_capacity, 'used', disk_gb_used) as disk_gb
    from hosts left join services on services.host = hosts.host and services.binary_name = 'nova-compute'
    where ${uuid}::uuid is null or hosts.uuid = ${uuid}
    order by hosts.id`
}

/** What a server, or its move, has claimed of a node. */
export interface ClaimRow {
  readonly provider: string
  readonly generation: number
  /** Of the server; of the migration where the claim is for its move. */
  readonly consumer: string
  readonly held_for: 'server' | 'migration'
  readonly project_id: string
  readonly user_id: string
  /** Of the server: rises with each task on it. */
  readonly consumer_generation: number
  readonly vcpus: number
  readonly memory_mb: number
  readonly disk_gb: number
}

const claims = (db: CellDb) => db.sql`
  select
    hosts.uuid as provider, hosts.changed_in::text::bigint as generation, held_for,
    case held_for when 'server' then server_id else coalesce((
      select uuid from migrations where migrations.server_id = claims.server_id order by id desc limit 1
    ), server_id) end as consumer,
    project_id, user_id, servers.generation as consumer_generation, claims.vcpus, claims.memory_mb, claims.disk_gb
  from claims
  join hosts on hosts.id = host_id
  join servers on servers.id = server_id`

export async function claimsOnProvider(db: CellDb, uuid: string): Promise<ClaimRow[]> {
  return db.sql<ClaimRow[]>`${claims(db)} where hosts.uuid = ${uuid} order by claims.created_at, server_id`
}

export async function claimsOfConsumer(db: CellDb, uuid: string): Promise<ClaimRow[]> {
  return db.sql<ClaimRow[]>`
    select * from (
      ${claims(db)}
      where server_id = ${uuid} or server_id in (select server_id from migrations where uuid = ${uuid})
    ) claims
    where consumer = ${uuid} order by provider`
}

export interface UseRow {
  readonly held_for: 'server' | 'migration'
  readonly consumers: number
  readonly vcpus: number
  readonly memory_mb: number
  readonly disk_gb: number
}

/** What the servers of a project, or of one user in it, have claimed together. */
export async function useOf(db: CellDb, projectId: string, userId: string | null): Promise<UseRow[]> {
  return db.sql<UseRow[]>`
    select held_for, count(distinct server_id)::integer as consumers, sum(vcpus)::integer as vcpus,
      sum(memory_mb)::bigint as memory_mb, sum(disk_gb)::bigint as disk_gb
    from claims join servers on servers.id = server_id
    where project_id = ${projectId} and (${userId}::text is null or user_id = ${userId})
    group by held_for order by held_for desc`
}
