import type { CellDb } from '../../platform/db/index.ts'

/** The project of a server that has been deleted; null where the cell has no such row. */
export async function findDeleted(db: CellDb, serverId: string): Promise<string | null> {
  const [row] = await db.sql<{ project_id: string }[]>`
    select project_id from servers where id = ${serverId} and deleted_at is not null`
  return row?.project_id ?? null
}
