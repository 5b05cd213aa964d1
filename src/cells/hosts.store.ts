import type { Inventory } from '../contracts/index.ts'
import type { CellDb, CellTx } from '../platform/db/index.ts'
import { traitsOf } from './host-traits.ts'

/** A compute node with the state of its service. */
export interface Host {
  readonly id: number
  readonly uuid: string
  readonly host: string
  readonly node: string
  readonly host_ip: string
  readonly hypervisor_type: string
  readonly hypervisor_version: number
  readonly cpu_info: Readonly<Record<string, unknown>>
  readonly supported_instances: readonly [string, string, string][]
  readonly vcpus: number
  readonly memory_mb: number
  readonly local_gb: number
  readonly reserved_memory_mb: number
  readonly reserved_disk_gb: number
  readonly vcpus_capacity: number
  readonly memory_mb_capacity: number
  readonly disk_gb_capacity: number
  readonly vcpus_used: number
  readonly memory_mb_used: number
  readonly disk_gb_used: number
  readonly running_vms: number
  readonly updated_at: Date
  /** Of its nova-compute service. */
  readonly service_id: number
  readonly service_uuid: string
  readonly disabled: boolean
  readonly disabled_reason: string | null
  readonly forced_down: boolean
  readonly last_seen_at: Date | null
}

/** Takes a host's own report. A host that is new joins by it; what is claimed on it is not the host's to say. */
export async function reportInventory(db: CellDb, host: string, inventory: Inventory): Promise<number> {
  const row = {
    uuid: inventory.node_id,
    host,
    node: inventory.hypervisor_hostname,
    host_ip: inventory.host_ip,
    hypervisor_type: inventory.hypervisor_type,
    hypervisor_version: inventory.hypervisor_version,
    cpu_info: inventory.cpu_info,
    supported_instances: inventory.supported_instances,
    traits: traitsOf(inventory),
    metrics: inventory.metrics ?? {},
    vcpus: inventory.vcpus,
    memory_mb: inventory.memory_mb,
    local_gb: inventory.local_gb,
    reserved_vcpus: inventory.reserved_vcpus,
    reserved_memory_mb: inventory.reserved_memory_mb,
    reserved_disk_gb: inventory.reserved_disk_gb,
    cpu_allocation_ratio: inventory.cpu_allocation_ratio,
    ram_allocation_ratio: inventory.ram_allocation_ratio,
    disk_allocation_ratio: inventory.disk_allocation_ratio,
  }
  const { uuid: _kept, host: _host, node: _node, ...changes } = row
  const [stored] = await db.sql<{ id: number }[]>`
    insert into hosts ${db.sql(row as never)}
    on conflict (host, node) do update set
      ${db.sql(changes as never)}, updated_at = now(), changed_in = pg_current_xact_id()
    returning id`
  if (!stored) throw new Error('the inventory was written, but no row came back')
  return stored.id
}

export async function listHosts(db: CellDb): Promise<Host[]> {
  return db.sql<Host[]>`
    select hosts.*, services.id as service_id, services.uuid as service_uuid, services.disabled,
      services.disabled_reason, services.forced_down, services.last_seen_at
    from hosts join services on services.host = hosts.host and services.binary_name = 'nova-compute'
    order by hosts.id`
}

/** Marks the hosts' rows as changed, for schedulers to read again: the state of their service has. */
export async function touchHosts(db: CellDb, hosts: readonly string[]): Promise<number[]> {
  const rows = await db.sql<{ id: number }[]>`
    update hosts set changed_in = pg_current_xact_id() where host = any(${hosts as string[]}) returning id`
  return rows.map((row) => row.id)
}

/**
 * Removes the nodes of a host unless something holds on to it. Their rows are locked first: a claim that comes later
 * finds no host.
 * @param isUsed is asked under the lock. @returns the ids of the rows, null where the host is in use
 */
export async function removeHost(tx: CellTx, host: string, isUsed: () => Promise<boolean>): Promise<number[] | null> {
  const rows = await tx<{ id: number }[]>`select id from hosts where host = ${host} for update`
  const ids = rows.map((row) => row.id)
  const claims = await tx`select 1 from claims where host_id = any(${ids}) limit 1`
  if (claims.length > 0 || (await isUsed())) return null
  await tx`delete from hosts where id = any(${ids})`
  return ids
}
