import type { CellDb } from '../../platform/db/index.ts'

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
