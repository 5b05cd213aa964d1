import type { HostRow } from '../contracts/index.ts'
import type { CellDb, GlobalDb } from '../platform/db/index.ts'

export interface HostSource {
  readonly cell_id: string
  hostsSince(marker: string | null): Promise<{ marker: string; hosts: HostRow[]; removed: number[] }>
  hosts(ids: readonly number[]): Promise<HostRow[]>
}

type Row = Omit<HostRow, 'availability_zone' | 'aggregates' | 'last_seen_at'> & { last_seen_at: Date | null }
type Metadata = Readonly<Record<string, string>>

const NO_AGGREGATES: readonly Metadata[] = []

/**
 * Reads a cell's hosts for the scheduler, all or those that have changed since a marker.
 *
 * The marker is the oldest transaction that was still running at the last read: a row written by that or a later one
 * may not have been visible then. A row that was is read again, which does no harm; none is ever left out, as it could
 * be with a sequence or a time, whose order is not that of commits.
 */
export function hostSource(global: GlobalDb, cell: CellDb, defaultZone: string): HostSource {
  async function withAggregates(rows: Row[]): Promise<HostRow[]> {
    if (rows.length === 0) return []
    const members = await global.sql<{ host: string; metadata: Metadata }[]>`
      select aggregate_hosts.host, aggregates.metadata
      from aggregate_hosts join aggregates on aggregates.id = aggregate_hosts.aggregate_id
      where aggregates.metadata <> '{}'
      order by aggregates.id`
    const aggregates = new Map<string, Metadata[]>()
    for (const { host, metadata } of members) {
      const known = aggregates.get(host)
      if (known) known.push(metadata)
      else aggregates.set(host, [metadata])
    }
    return rows.map((row) => {
      const of = aggregates.get(row.host) ?? NO_AGGREGATES
      return {
        ...row,
        aggregates: of,
        availability_zone: of.findLast((metadata) => metadata.availability_zone)?.availability_zone ?? defaultZone,
        last_seen_at: row.last_seen_at?.getTime() ?? null,
      }
    })
  }

  const schedulable = cell.sql`
    hosts.id, hosts.host, hosts.node, host_ip, hypervisor_type, hypervisor_version, cpu_info, supported_instances,
    vcpus, memory_mb, local_gb, reserved_memory_mb, reserved_disk_gb, vcpus_capacity, memory_mb_capacity,
    disk_gb_capacity, vcpus_used, memory_mb_used, disk_gb_used, running_vms, coalesce(busy.servers, 0) as io_ops,
    failed_builds, disabled, forced_down, last_seen_at
    from hosts join services on services.host = hosts.host and services.binary_name = 'nova-compute'
    left join (
      select host, node, count(*)::integer as servers from servers
      where deleted_at is null and (vm_state = 'building'
        or task_state in ('resize_prep', 'resize_migrating', 'rebuilding', 'image_snapshot', 'image_backup'))
      group by host, node
    ) as busy on busy.host = hosts.host and busy.node = hosts.node`

  return {
    cell_id: cell.id,
    async hostsSince(marker) {
      const { next, rows } = await cell.transaction(
        async (tx) => {
          const [snapshot] = await tx<{ xmin: string }[]>`
            select pg_snapshot_xmin(pg_current_snapshot())::text as xmin`
          // A heartbeat changes the service only; such hosts are read again too, or they would seem to be down.
          const changed = await tx<Row[]>`
            select ${schedulable}
            where ${marker}::text is null
              or changed_in >= ${marker}::text::xid8
              or services.last_seen_at > now() - make_interval(secs => ${HEARTBEATS_READ_BACK_S})`
          return { next: snapshot?.xmin ?? '0', rows: [...changed] }
        },
        { isolation: 'repeatable read', readOnly: true },
      )
      return { marker: next, hosts: await withAggregates(rows), removed: [] }
    },
    async hosts(ids) {
      return withAggregates([...(await cell.sql<Row[]>`select ${schedulable} where hosts.id = any(${ids as number[]})`)])
    },
  }
}

/** Twice the time between two reads of the scheduler, so that none is missed. */
const HEARTBEATS_READ_BACK_S = 7
