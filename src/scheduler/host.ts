import type { HostRow } from '../contracts/index.ts'

/** Rows as one moment of the database had them. */
export interface HostsRead {
  readonly hosts: readonly HostRow[]
  /** By host id, those of the servers asked about that have a claim on it: their demand is in its row. */
  readonly claimed: ReadonlyMap<number, readonly string[]>
}

export interface HostChanges extends HostsRead {
  /** Passed to the next call, which then answers what has changed since. */
  readonly marker: string
  /** Ids of hosts that are gone. */
  readonly removed: readonly number[]
}

/** Where the hosts of one cell are read. What the scheduler asks of the cells; wired where the process is composed. */
export interface CellSource {
  readonly cell_id: string
  /** All hosts for a null marker. A host may come again without a change, but no change may be left out. */
  hostsSince(marker: string | null, servers: readonly string[]): Promise<HostChanges>
  /** The rows of these hosts; one that is gone is left out. */
  hosts(ids: readonly number[], servers: readonly string[]): Promise<HostsRead>
}

/** A host in a snapshot. Its slot is its place in every column and bitmap, and decides ties: the lowest wins. */
export interface Host {
  readonly slot: number
  readonly cell_id: string
  readonly row: HostRow
  /** What was decided for it since its row was read. */
  readonly taken: Demand
  /** In the order of `QUANTITIES`, less what is taken. */
  readonly quantities: readonly number[]
}

/** What filters compare and weighers weigh: one number per host. */
export const QUANTITIES = [
  'claimable_vcpus',
  'claimable_memory_mb',
  'claimable_disk_gb',
  'free_ram_mb',
  'free_disk_gb',
  'num_instances',
  'num_io_ops',
  'failed_builds',
  'hypervisor_version',
] as const
export type Quantity = (typeof QUANTITIES)[number]

/** The place of each in `QUANTITIES`. */
export const QUANTITY_COLUMNS = Object.fromEntries(QUANTITIES.map((name, index) => [name, index])) as Readonly<
  Record<Quantity, number>
>

/**
 * Quantities are kept within these bounds, so that the difference of two of them still fits an i32. 2^30 MB is a
 * pebibyte of RAM in one host.
 */
export const QUANTITY_MIN = -(2 ** 30)
export const QUANTITY_MAX = 2 ** 30 - 1

function bounded(value: number): number {
  const whole = value | 0
  if (whole === value && whole >= QUANTITY_MIN && whole <= QUANTITY_MAX) return whole
  return Math.min(Math.max(Math.trunc(value), QUANTITY_MIN), QUANTITY_MAX)
}

/** What a decision takes from a host until the row of the host tells of the claim. */
export interface Demand {
  readonly vcpus: number
  readonly memory_mb: number
  readonly disk_gb: number
  /** Each is built first, so it also counts as one more in num_io_ops. */
  readonly servers: number
}

/** A host's quantities, less what was decided since its row was read. In the order of `QUANTITIES`. */
export function quantitiesOf(row: HostRow, taken: Demand): readonly number[] {
  return [
    bounded(row.vcpus_capacity - row.vcpus_used - taken.vcpus),
    bounded(row.memory_mb_capacity - row.memory_mb_used - taken.memory_mb),
    bounded(row.disk_gb_capacity - row.disk_gb_used - taken.disk_gb),
    // Nova's HostState.free_ram_mb and free_disk_mb: of the machine's own, whatever the allocation ratio.
    bounded(row.memory_mb - row.reserved_memory_mb - row.memory_mb_used - taken.memory_mb),
    bounded(row.local_gb - row.reserved_disk_gb - row.disk_gb_used - taken.disk_gb),
    bounded(row.running_vms + taken.servers),
    bounded(row.io_ops + taken.servers),
    bounded(row.failed_builds),
    bounded(row.hypervisor_version),
  ]
}

/** What is simply true of a host or not. Each one known becomes a bitmap over all hosts. */
export type Fact = 'enabled' | 'up' | `availability_zone=${string}` | `trust=${string}`

/** A host's facts. `up` is true of a service heard of within `serviceDownTimeS` (Nova's service_down_time). */
export function factsOf(row: HostRow, now: number, serviceDownTimeS: number): readonly Fact[] {
  const facts: Fact[] = [`availability_zone=${row.availability_zone}`]
  if (row.trust !== undefined) facts.push(`trust=${row.trust}`)
  if (!row.disabled) facts.push('enabled')
  if (isUp(row, now, serviceDownTimeS)) facts.push('up')
  return facts
}

export function isUp(row: HostRow, now: number, serviceDownTimeS: number): boolean {
  return !row.forced_down && row.last_seen_at !== null && now - row.last_seen_at <= serviceDownTimeS * 1000
}
