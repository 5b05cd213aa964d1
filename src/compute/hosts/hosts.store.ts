import type { CellDb, CellTx, GlobalTx } from '../../platform/db/index.ts'

/** How many servers of each host are in the middle of something. */
export async function workloads(db: CellDb): Promise<ReadonlyMap<string, number>> {
  const rows = await db.sql<{ host: string; count: number }[]>`
    select host, count(*) from servers
    where host is not null and task_state is not null and deleted_at is null
    group by host`
  return new Map(rows.map((row) => [row.host, row.count]))
}

export interface HostedServer {
  readonly host: string
  readonly id: string
  readonly name: string
}

/** Live servers of the given hosts, in the order of their names. */
export async function serversByHost(db: CellDb, hosts: readonly string[]): Promise<HostedServer[]> {
  return db.sql`
    select host, id, name from servers
    where host = any(${hosts as string[]}) and deleted_at is null
    order by name, id`
}

/** What the servers of one project on a host may take at most. */
export interface ProjectUse {
  readonly project_id: string
  readonly vcpus: number
  readonly memory_mb: number
  readonly disk_gb: number
}

export async function useByProject(db: CellDb, host: string): Promise<ProjectUse[]> {
  return db.sql`
    select
      project_id,
      sum((flavor ->> 'vcpus')::integer)::integer as vcpus,
      sum((flavor ->> 'memory_mb')::integer)::integer as memory_mb,
      sum((flavor ->> 'root_gb')::integer + (flavor ->> 'ephemeral_gb')::integer)::integer as disk_gb
    from servers
    where host = ${host} and deleted_at is null
    group by project_id
    order by project_id`
}

/** Whether a host has live servers, be it without a claim. */
export async function hasServers(tx: CellTx, host: string): Promise<boolean> {
  const rows = await tx`select 1 from servers where host = ${host} and deleted_at is null limit 1`
  return rows.length > 0
}

/** Takes a host out of its aggregates and out of the map of cells. */
export async function forgetHost(tx: GlobalTx, host: string): Promise<void> {
  await tx`delete from aggregate_hosts where host = ${host}`
  await tx`delete from host_mappings where host = ${host}`
}
