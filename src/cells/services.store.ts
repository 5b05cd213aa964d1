import type { CellDb, CellTx, GlobalDb } from '../platform/db/index.ts'

/** A process of the cloud as `os-services` shows it; the same table in the global database and in each cell. */
export interface Service {
  readonly id: number
  readonly uuid: string
  readonly host: string
  readonly binary_name: string
  readonly report_count: number
  readonly disabled: boolean
  readonly disabled_reason: string | null
  readonly forced_down: boolean
  readonly last_seen_at: Date | null
  readonly created_at: Date
  readonly updated_at: Date
}

/** Signs of life of many services in one statement; a service that is new appears by it. */
export async function reportServices(
  db: GlobalDb | CellDb,
  binary: string,
  hosts: readonly string[],
  seenAt: Date,
): Promise<void> {
  await db.sql`
    insert into services (host, binary_name, report_count, last_seen_at)
    select host, ${binary}, 1, ${seenAt} from unnest(${hosts as string[]}::text[]) as host
    on conflict (host, binary_name) do update set
      report_count = services.report_count + 1,
      last_seen_at = greatest(services.last_seen_at, excluded.last_seen_at),
      updated_at = now()`
}

/** A service said goodbye: it counts as down at once, not only when its heartbeat is missed. */
export async function retireService(db: GlobalDb | CellDb, binary: string, host: string): Promise<void> {
  await db.sql`
    update services set last_seen_at = null, updated_at = now()
    where host = ${host} and binary_name = ${binary}`
}

export async function listServices(db: GlobalDb | CellDb): Promise<Service[]> {
  return db.sql<Service[]>`select * from services order by id`
}

/** Changes what an operator may change. @returns the row, or null when there is none. */
export async function updateService(
  db: GlobalDb | CellDb,
  key: { uuid: string } | { host: string; binary_name: string },
  changes: Partial<Pick<Service, 'disabled' | 'disabled_reason' | 'forced_down'>>,
): Promise<Service | null> {
  const columns = Object.keys(changes) as (keyof typeof changes)[]
  const match =
    'uuid' in key
      ? db.sql`uuid = ${key.uuid}`
      : db.sql`host = ${key.host} and binary_name = ${key.binary_name}`
  const [row] = await db.sql<Service[]>`
    update services set ${db.sql(changes, ...columns)}, updated_at = now() where ${match} returning *`
  return row ?? null
}

export async function removeService(db: GlobalDb['sql'] | CellTx, uuid: string): Promise<void> {
  await db`delete from services where uuid = ${uuid}`
}
