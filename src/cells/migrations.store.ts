import type { Flavor, Progress } from '../contracts/index.ts'
import type { CellDb, CellTx } from '../platform/db/index.ts'

export type MigrationType = 'migration' | 'resize' | 'live-migration' | 'evacuation'

/** Nova's words, in the order in which they come; after those in the second line nothing comes. */
export type MigrationStatus =
  | 'accepted' | 'queued' | 'preparing' | 'pre-migrating' | 'running' | 'running (post-copy)' | 'migrating'
  | 'post-migrating' | 'finished' | 'confirming' | 'reverting' | 'done'
  | 'confirmed' | 'reverted' | 'completed' | 'failed' | 'error' | 'cancelled'

/** A move of a server from one host to another, or to another flavor. */
export interface Migration {
  readonly id: number
  readonly uuid: string
  readonly server_id: string
  readonly migration_type: MigrationType
  readonly status: MigrationStatus
  readonly source_compute: string | null
  readonly source_node: string | null
  readonly dest_compute: string | null
  readonly dest_node: string | null
  /** Address. */
  readonly dest_host: string | null
  readonly old_flavor: Flavor
  readonly new_flavor: Flavor
  /** Whether the guest is to run when it is put back. */
  readonly power_on: boolean
  /** Of whoever asked for it. */
  readonly user_id: string
  readonly project_id: string
  readonly request_id: string
  /** The request that has called it off. */
  readonly cancel_request_id: string | null
  readonly memory_total_bytes: number | null
  readonly memory_processed_bytes: number | null
  readonly memory_remaining_bytes: number | null
  readonly disk_total_bytes: number | null
  readonly disk_processed_bytes: number | null
  readonly disk_remaining_bytes: number | null
  readonly created_at: Date
  readonly updated_at: Date | null
}

export type NewMigration = Pick<
  Migration,
  | 'server_id' | 'migration_type' | 'status' | 'source_compute' | 'source_node' | 'old_flavor' | 'new_flavor' | 'power_on'
  | 'user_id' | 'project_id' | 'request_id'
> &
  Partial<Pick<Migration, 'dest_compute' | 'dest_node' | 'dest_host'>>

export async function insertMigration(tx: CellTx, migration: NewMigration): Promise<void> {
  await tx`insert into migrations ${tx(migration as never)}`
}

/** The move that a request has begun; there is one at most. */
export async function migrationOf(db: CellTx | CellDb['sql'], serverId: string, requestId: string): Promise<Migration | null> {
  const [row] = await db<Migration[]>`
    select * from migrations where server_id = ${serverId} and request_id = ${requestId} order by id desc limit 1`
  return row ?? null
}

/** The last resize or cold migration of a server that is in one of these states. */
export async function lastMigration(
  db: CellTx | CellDb['sql'],
  serverId: string,
  statuses: readonly MigrationStatus[],
): Promise<Migration | null> {
  const [row] = await db<Migration[]>`
    select * from migrations where server_id = ${serverId} and status = any(${statuses as string[]})
    order by id desc limit 1`
  return row ?? null
}

export async function updateMigration(
  tx: CellTx,
  id: number,
  changes: Partial<Omit<Migration, 'id' | 'uuid' | 'server_id'>>,
): Promise<void> {
  const row = { ...changes, updated_at: new Date() }
  await tx`update migrations set ${tx(row as never, ...(Object.keys(row) as never[]))} where id = ${id}`
}

/** What a stage makes of a migration, and from which states: hosts' words may overtake one another. */
const STAGES: Readonly<Record<string, { readonly to: MigrationStatus; readonly from: readonly MigrationStatus[] }>> = {
  prepare: { to: 'preparing', from: ['queued', 'preparing'] },
  running: { to: 'running', from: ['queued', 'preparing', 'running'] },
  'post-copy': { to: 'running (post-copy)', from: ['queued', 'preparing', 'running', 'running (post-copy)'] },
}

/** Takes in how far a live migration is, as its source tells. */
export async function noteMoved(db: CellDb, serverId: string, source: string, progress: Progress): Promise<void> {
  const stage = STAGES[progress.stage]
  if (!stage) return
  const { stage: _stage, percent = 0, ...sums } = progress
  const row = { ...sums, status: stage.to, updated_at: new Date() }
  await db.transaction(async (tx) => {
    const noted = await tx`
      update migrations set ${tx(row as never, ...(Object.keys(row) as never[]))}
      where server_id = ${serverId} and source_compute = ${source} and migration_type = 'live-migration'
        and status = any(${stage.from as string[]})`
    if (noted.count > 0) await tx`update servers set progress = ${percent} where id = ${serverId}`
  })
}

export interface MigrationQuery {
  readonly server_id: string | null
  readonly host: string | null
  readonly source_compute: string | null
  readonly status: string | null
  readonly migration_type: string | null
  readonly user_id: string | null
  readonly project_id: string | null
  readonly changes_since: Date | null
  readonly changes_before: Date | null
  readonly after: { readonly created_at: Date; readonly id: number } | null
  readonly limit: number
}

/** Newest first. */
export async function listMigrations(db: CellDb, query: MigrationQuery): Promise<Migration[]> {
  const { after } = query
  return db.sql<Migration[]>`
    select * from migrations
    where (${query.server_id}::uuid is null or server_id = ${query.server_id})
      and (${query.host}::text is null or ${query.host} in (source_compute, dest_compute))
      and (${query.source_compute}::text is null or source_compute = ${query.source_compute})
      and (${query.status}::text is null or status = ${query.status})
      and (${query.migration_type}::text is null or migration_type = ${query.migration_type})
      and (${query.user_id}::text is null or user_id = ${query.user_id})
      and (${query.project_id}::text is null or project_id = ${query.project_id})
      and (${query.changes_since}::timestamptz is null or coalesce(updated_at, created_at) >= ${query.changes_since})
      and (${query.changes_before}::timestamptz is null or coalesce(updated_at, created_at) <= ${query.changes_before})
      and (${after?.created_at ?? null}::timestamptz is null
        or (created_at, id) < (${after?.created_at ?? null}, ${after?.id ?? null}))
    order by created_at desc, id desc limit ${query.limit}`
}

export async function findMigration(db: CellDb, uuid: string): Promise<Migration | null> {
  const [row] = await db.sql<Migration[]>`select * from migrations where uuid = ${uuid}`
  return row ?? null
}

const IN_PROGRESS: readonly MigrationStatus[] = ['queued', 'preparing', 'pre-migrating', 'running', 'running (post-copy)', 'post-migrating']

/** Live migrations of a server that are under way. */
export async function liveMigrations(db: CellDb['sql'] | CellTx, serverId: string): Promise<Migration[]> {
  return db<Migration[]>`
    select * from migrations
    where server_id = ${serverId} and migration_type = 'live-migration' and status = any(${IN_PROGRESS as string[]})
    order by id desc`
}
