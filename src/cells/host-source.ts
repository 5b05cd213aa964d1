import type { HostRow } from '../contracts/index.ts'
import type { CellDb, GlobalDb } from '../platform/db/index.ts'

export interface HostSource {
  readonly cell_id: string
  hostsSince(marker: string | null): Promise<{ marker: string; hosts: HostRow[]; removed: number[] }>
  hosts(ids: readonly number[]): Promise<HostRow[]>
}

type Row = Omit<HostRow, 'availability_zone' | 'last_seen_at'> & { last_seen_at: Date | null }

/**
 * Reads a cell's hosts for the scheduler, all or those that have changed since a marker.
 *
 * The marker is the oldest transaction that was still running at the last read: a row written by that or a later one
 * may not have been visible then. A row that was is read again, which does no harm; none is ever left out, as it could
 * be with a sequence or a time, whose order is not that of commits.
 */
export function hostSource(global: GlobalDb, cell: CellDb, defaultZone: string): HostSource {
  async function withZones(rows: Row[]): Promise<HostRow[]> {
    if (rows.length === 0) return []
    const zones = new Map<string, string>()
    const members = await global.sql<{ host: string; zone: string }[]>`
      select aggregate_hosts.host, aggregates.metadata ->> 'availability_zone' as zone
      from aggregate_hosts join aggregates on aggregates.id = aggregate_hosts.aggregate_id
      where aggregates.metadata ? 'availability_zone'`
    for (const member of members) zones.set(member.host, member.zone)
    return rows.map((row) => ({
      ...row,
      availability_zone: zones.get(row.host) ?? defaultZone,
      last_seen_at: row.last_seen_at?.getTime() ?? null,
    }))
  }

  const schedulable = cell.sql`
    hosts.id, hosts.host, node, host_ip, hypervisor_type, hypervisor_version, vcpus, memory_mb, local_gb,
    reserved_memory_mb, reserved_disk_gb, vcpus_capacity, memory_mb_capacity, disk_gb_capacity, vcpus_used,
    memory_mb_used, disk_gb_used, running_vms, disabled, forced_down, last_seen_at
    from hosts join services on services.host = hosts.host and services.binary_name = 'nova-compute'`

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
      return { marker: next, hosts: await withZones(rows), removed: [] }
    },
    async hosts(ids) {
      return withZones([...(await cell.sql<Row[]>`select ${schedulable} where hosts.id = any(${ids as number[]})`)])
    },
  }
}

/** Twice the time between two reads of the scheduler, so that none is missed. */
const HEARTBEATS_READ_BACK_S = 7
