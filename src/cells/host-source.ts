import type { HostRow } from '../contracts/index.ts'
import { isUuid } from '../kernel/index.ts'
import type { CellDb, GlobalDb } from '../platform/db/index.ts'

export interface HostSource {
  readonly cell_id: string
  /** @param servers whose claims are looked for on the hosts that are read, in the same moment of the database */
  hostsSince(marker: string | null, servers?: readonly string[]): Promise<HostsRead & { marker: string; removed: number[] }>
  hosts(ids: readonly number[], servers?: readonly string[]): Promise<HostsRead>
}

interface HostsRead {
  hosts: HostRow[]
  /** By host id. */
  claimed: Map<number, readonly string[]>
}

interface Row extends Omit<HostRow, 'availability_zone' | 'aggregates' | 'last_seen_at'> {
  readonly last_seen_at: Date | null
  readonly claimed: readonly string[] | null
}
type Metadata = Readonly<Record<string, string>>

const NO_AGGREGATES: readonly Metadata[] = []

/** What is read of the servers on each host; it costs a look at each of them, so only where it counts. */
export interface GuestFacts {
  readonly flavors: boolean
  readonly image_properties: boolean
}

const NO_GUEST_FACTS: GuestFacts = { flavors: false, image_properties: false }

/**
 * Reads a cell's hosts for the scheduler, all or those that have changed since a marker.
 *
 * The marker is the oldest transaction that was still running at the last read: a row written by that or a later one
 * may not have been visible then. A row that was is read again, which does no harm; none is ever left out, as it could
 * be with a sequence or a time, whose order is not that of commits.
 */
export function hostSource(
  global: GlobalDb,
  cell: CellDb,
  defaultZone: string,
  guestFacts: GuestFacts = NO_GUEST_FACTS,
): HostSource {
  async function read(rows: readonly Row[]): Promise<HostsRead> {
    const claimed = new Map<number, readonly string[]>()
    if (rows.length === 0) return { hosts: [], claimed }
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
    const hosts = rows.map(({ claimed: servers, ...row }) => {
      if (servers) claimed.set(row.id, servers)
      const of = aggregates.get(row.host) ?? NO_AGGREGATES
      return {
        ...row,
        aggregates: of,
        availability_zone: of.findLast((metadata) => metadata.availability_zone)?.availability_zone ?? defaultZone,
        last_seen_at: row.last_seen_at?.getTime() ?? null,
      }
    })
    return { hosts, claimed }
  }

  // By the claims on the host: what has moved away in all but its claim is still there.
  const flavors = () => cell.sql`(
    select coalesce(array_agg(distinct servers.flavor->>'id'), '{}')
    from claims join servers on servers.id = server_id where claims.host_id = hosts.id
  ) as flavors,`
  const imageProperties = () => cell.sql`(
    select coalesce(jsonb_object_agg(property, number), '{}') from (
      select properties.name || '=' || properties.value as property, count(*)::integer as number
      from claims join servers on servers.id = claims.server_id
      cross join lateral jsonb_each_text(coalesce(servers.image->'properties', '{}')) as properties (name, value)
      where claims.host_id = hosts.id
      group by property
    ) as counted
  ) as image_properties,`
  const nothing = cell.sql``

  const schedulable = (servers: readonly string[]) => cell.sql`
    hosts.id, hosts.host, hosts.node, host_ip, hypervisor_type, hypervisor_version, cpu_info, supported_instances,
    traits, metrics, ${guestFacts.flavors ? flavors() : nothing}
    ${guestFacts.image_properties ? imageProperties() : nothing}
    vcpus, memory_mb, local_gb, reserved_memory_mb, reserved_disk_gb, vcpus_capacity, memory_mb_capacity,
    disk_gb_capacity, vcpus_used, memory_mb_used, disk_gb_used, running_vms, busy.servers as io_ops,
    failed_builds, disabled, forced_down, last_seen_at, claims_of.servers as claimed
    from hosts join services on services.host = hosts.host and services.binary_name = 'nova-compute'
    cross join lateral (
      select count(*)::integer as servers from servers
      where servers.host = hosts.host and servers.node = hosts.node and deleted_at is null and (vm_state = 'building'
        or task_state in ('resize_prep', 'resize_migrating', 'rebuilding', 'image_snapshot', 'image_backup'))
    ) as busy
    left join (
      select host_id, array_agg(server_id) as servers from claims
      where server_id = any(${servers.filter(isUuid)}::uuid[])
      group by host_id
    ) as claims_of on claims_of.host_id = hosts.id`

  return {
    cell_id: cell.id,
    async hostsSince(marker, servers = []) {
      const { next, rows } = await cell.transaction(
        async (tx) => {
          const [snapshot] = await tx<{ xmin: string }[]>`
            select pg_snapshot_xmin(pg_current_snapshot())::text as xmin`
          // A heartbeat changes the service only; such hosts are read again too, or they would seem to be down.
          const changed = await tx<Row[]>`
            select ${schedulable(servers)}
            where ${marker}::text is null
              or changed_in >= ${marker}::text::xid8
              or services.last_seen_at > now() - make_interval(secs => ${HEARTBEATS_READ_BACK_S})`
          return { next: snapshot?.xmin ?? '0', rows: [...changed] }
        },
        { isolation: 'repeatable read', readOnly: true },
      )
      return { marker: next, ...(await read(rows)), removed: [] }
    },
    hosts: async (ids, servers = []) =>
      read(await cell.sql<Row[]>`select ${schedulable(servers)} where hosts.id = any(${ids as number[]})`),
  }
}

/** Twice the time between two reads of the scheduler, so that none is missed. */
const HEARTBEATS_READ_BACK_S = 7
