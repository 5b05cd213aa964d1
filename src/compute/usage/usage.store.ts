import type { CellDb } from '../../platform/db/index.ts'

/** What a server counts for as long as it is there; sizes are those of its flavor. */
export interface UsedServer {
  readonly id: string
  readonly project_id: string
  readonly name: string
  readonly vm_state: string
  readonly flavor: string
  readonly vcpus: number
  readonly memory_mb: number
  readonly local_gb: number
  readonly launched_at: Date
  readonly terminated_at: Date | null
}

export interface UsageWindow {
  readonly start: Date
  readonly end: Date
  /** Null for all projects. */
  readonly projectId: string | null
}

/** Where a page ends: lists are in the order of project and id. */
export type UsagePlace = Pick<UsedServer, 'project_id' | 'id'>

/** Servers that ran within the window, deleted ones among them. */
export async function usedServers(
  db: CellDb,
  { start, end, projectId }: UsageWindow,
  { after, limit }: { after: UsagePlace | null; limit: number },
): Promise<UsedServer[]> {
  return db.sql<UsedServer[]>`
    select id, project_id, name, vm_state, launched_at, terminated_at,
      flavor ->> 'name' as flavor, (flavor ->> 'vcpus')::integer as vcpus,
      (flavor ->> 'memory_mb')::integer as memory_mb,
      (flavor ->> 'root_gb')::integer + (flavor ->> 'ephemeral_gb')::integer as local_gb
    from servers
    where launched_at < ${end} and (terminated_at is null or terminated_at > ${start})
      and (${projectId}::text is null or project_id = ${projectId})
      and (${after === null} or (project_id collate "C", id) > (${after?.project_id ?? ''}, ${after?.id ?? NIL}::uuid))
    order by project_id collate "C", id limit ${limit}`
}

const NIL = '00000000-0000-0000-0000-000000000000'

/** A server, be it deleted, as the end of a page. */
export async function placeOf(db: CellDb, id: string): Promise<UsagePlace[]> {
  return db.sql<UsagePlace[]>`select project_id, id from servers where id = ${id}`
}
