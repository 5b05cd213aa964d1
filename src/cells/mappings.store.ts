import type { Flavor } from '../contracts/index.ts'
import { Problem } from '../kernel/index.ts'
import type { Fragment, GlobalDb, GlobalSql, GlobalTx } from '../platform/db/index.ts'
import type { Server } from './server.ts'

/** Where a server lives: in a cell, or in the request that was accepted and that no cell has yet. */
export type Location = { readonly cell_id: string } | { readonly accepted: Server }

/** Bounds at the time of the request; -1 is unlimited. */
export interface QuotaLimits {
  readonly instances: number
  readonly cores: number
  readonly memory_mb: number
}

/** Of the project, and within it of the user where such a limit is set. */
export interface QuotaBounds {
  readonly project: QuotaLimits
  readonly user: QuotaLimits | null
}

export interface QuotaUsage {
  readonly instances: number
  readonly cores: number
  readonly memory_mb: number
}

/**
 * Writes down accepted servers with their mappings and `tasks`, a statement that adds their tasks, and takes their share
 * of the quota, in one transaction. The usage row stays locked from the guarded update to the commit, so that no number
 * of parallel requests passes the limit; being one statement, this does not hold the lock while it travels to and fro.
 * @throws {Problem} over_quota, with Nova's sentence.
 */
export async function accept(
  db: GlobalDb,
  servers: readonly Server[],
  { project: limits, user }: QuotaBounds,
  tasks: Fragment,
): Promise<void> {
  const first = servers[0]
  if (!first) return
  const { project_id } = first
  const wanted = { instances: servers.length, cores: 0, memory_mb: 0 }
  for (const server of servers) {
    wanted.cores += server.flavor.vcpus
    wanted.memory_mb += server.flavor.memory_mb
  }
  if (user) {
    await acceptOfUser(db, servers, wanted, { project: limits, user }, tasks)
    return
  }
  if (await acceptWithin(db.sql, servers, wanted, limits, tasks)) return
  // The first requests of a project find no row to count in.
  await db.sql`insert into quota_usages (project_id) values (${project_id}) on conflict do nothing`
  if (await acceptWithin(db.sql, servers, wanted, limits, tasks)) return
  throw overQuota(wanted, await quotaUsage(db.sql, project_id), limits)
}

/**
 * The same for a user with a limit of his own. What users have is not kept but counted, after the project's row is
 * locked: who is counted at the same time waits for it, and then sees what was accepted.
 */
async function acceptOfUser(
  db: GlobalDb,
  servers: readonly Server[],
  wanted: QuotaUsage,
  { project, user }: { readonly project: QuotaLimits; readonly user: QuotaLimits },
  tasks: Fragment,
): Promise<void> {
  const { project_id, user_id } = servers[0]!
  await db.sql`insert into quota_usages (project_id) values (${project_id}) on conflict do nothing`
  await db.transaction(async (tx) => {
    await tx`select from quota_usages where project_id = ${project_id} for update`
    const used = await userUsage(tx, project_id, user_id)
    if (shortOf(wanted, used, user).length > 0) throw overQuota(wanted, used, user)
    if (await acceptWithin(tx, servers, wanted, project, tasks)) return
    throw overQuota(wanted, await quotaUsage(tx, project_id), project)
  })
}

/** @returns false, with nothing written, when the project has no room or no usage row yet. */
async function acceptWithin(
  sql: GlobalSql | GlobalTx,
  servers: readonly Server[],
  wanted: QuotaUsage,
  limits: QuotaLimits,
  tasks: Fragment,
): Promise<boolean> {
  const mappings = servers.map((server) => {
    const { id: server_id, project_id, user_id, flavor, image_id, availability_zone, created_at, group_id } = server
    const { vcpus, memory_mb } = flavor
    return { server_id, project_id, user_id, vcpus, memory_mb, created_at, flavor, image_id, availability_zone, group_id }
  })
  const written = await sql`
    with taken as (
      update quota_usages set
        instances = instances + ${wanted.instances},
        cores = cores + ${wanted.cores},
        memory_mb = memory_mb + ${wanted.memory_mb}
      where project_id = ${servers[0]!.project_id}
        and (${limits.instances} < 0 or instances + ${wanted.instances} <= ${limits.instances})
        and (${limits.cores} < 0 or cores + ${wanted.cores} <= ${limits.cores})
        and (${limits.memory_mb} < 0 or memory_mb + ${wanted.memory_mb} <= ${limits.memory_mb})
      returning project_id
    ), mapped as (
      insert into server_mappings
      select mapping.* from jsonb_populate_recordset(null::server_mappings, ${sql.json(mappings as never)}) as mapping
      where exists (select from taken)
    ), accepted as (
      insert into accepted_servers
      select server.* from jsonb_populate_recordset(null::accepted_servers, ${sql.json(servers as never)}) as server
      where exists (select from taken)
    )
    ${tasks} where exists (select from taken)`
  return written.count > 0
}

const NAMES = { instances: 'instances', cores: 'cores', memory_mb: 'ram' } as const

const shortOf = (wanted: QuotaUsage, used: QuotaUsage, limits: QuotaLimits): (keyof typeof NAMES)[] =>
  (Object.keys(NAMES) as (keyof typeof NAMES)[]).filter(
    (key) => limits[key] >= 0 && used[key] + wanted[key] > limits[key],
  )

/** `Quota exceeded for cores: Requested 4, but already used 18 of 20 cores`, naming each resource that is short. */
function overQuota(wanted: QuotaUsage, used: QuotaUsage, limits: QuotaLimits): Problem {
  const short = shortOf(wanted, used, limits)
  const list = (values: QuotaUsage): string => short.map((key) => values[key]).join(', ')
  const resources = short.map((key) => NAMES[key]).join(', ')
  return new Problem(
    'over_quota',
    `Quota exceeded for ${resources}: Requested ${list(wanted)}, but already used ${list(used)} of ${list(limits)} ${resources}`,
  )
}

export async function quotaUsage(db: GlobalTx | GlobalDb['sql'], project: string): Promise<QuotaUsage> {
  const [row] = await db<QuotaUsage[]>`
    select instances, cores, memory_mb from quota_usages where project_id = ${project}`
  return row ?? { instances: 0, cores: 0, memory_mb: 0 }
}

/** What one user of a project has of it. */
export async function userUsage(db: GlobalTx | GlobalSql, project: string, user: string): Promise<QuotaUsage> {
  const [row] = await db<QuotaUsage[]>`
    select
      count(*)::integer as instances,
      coalesce(sum(vcpus), 0)::integer as cores,
      coalesce(sum(memory_mb), 0)::bigint as memory_mb
    from server_mappings where project_id = ${project} and user_id = ${user}`
  return row!
}

/** Where a server is; `accepted` is the request while no cell has it. */
export async function locate(db: GlobalDb, serverId: string): Promise<Location | null> {
  const [row] = await db.sql<(Server & { in_cell: string | null })[]>`
    select cell_id as in_cell, accepted_servers.*
    from server_mappings left join accepted_servers on accepted_servers.id = server_id
    where server_id = ${serverId}`
  if (!row) return null
  const { in_cell, ...accepted } = row
  return in_cell === null ? { accepted } : { cell_id: in_cell }
}

/** What is known of a server without its cell. */
export interface MappedServer {
  readonly id: string
  readonly project_id: string
  readonly user_id: string
  readonly created_at: Date
  /** Null for a server that was accepted by a release that did not write it down. */
  readonly flavor: Flavor | null
  readonly image_id: string | null
  readonly availability_zone: string | null
}

export async function findMapped(db: GlobalDb, serverId: string): Promise<MappedServer | null> {
  const [row] = await db.sql<MappedServer[]>`
    select server_id as id, project_id, user_id, created_at, flavor, image_id, availability_zone
    from server_mappings where server_id = ${serverId}`
  return row ?? null
}

/** Servers of the given cells, newest first. @param projectId null for those of all projects */
export async function listMapped(
  db: GlobalDb,
  { cells, projectId, limit }: { cells: readonly string[]; projectId: string | null; limit: number },
): Promise<MappedServer[]> {
  return db.sql`
    select server_id as id, project_id, user_id, created_at, flavor, image_id, availability_zone
    from server_mappings
    where cell_id = any(${cells as string[]}) and (${projectId}::text is null or project_id = ${projectId})
    order by created_at desc, server_id desc
    limit ${limit}`
}

/** Hosts of the given cells, by name. */
export async function listMappedHosts(db: GlobalDb, cells: readonly string[]): Promise<string[]> {
  const rows = await db.sql<{ host: string }[]>`
    select host from host_mappings where cell_id = any(${cells as string[]}) order by host`
  return rows.map((row) => row.host)
}

export async function findAccepted(db: GlobalDb, serverId: string): Promise<Server | null> {
  const [row] = await db.sql<Server[]>`select * from accepted_servers where id = ${serverId}`
  return row ?? null
}

/**
 * The server has a cell from now on.
 * @returns false when the request was deleted in the meantime; then nothing is written.
 */
export async function settleInCell(tx: GlobalTx, serverId: string, cellId: string): Promise<boolean> {
  // In the order of `withdraw`, which may run at the same time.
  const [, moved] = await Promise.all([
    tx`delete from accepted_servers where id = ${serverId}`,
    tx`update server_mappings set cell_id = ${cellId} where server_id = ${serverId}`,
  ])
  return moved.count === 1
}

/**
 * The same in one statement together with `save`, which saves the task (see `saving` of the conductor). It does not wait
 * for the disk: what a crash of the database takes back is a request that is accepted and has a task, which finds the
 * server in its cell and settles it again.
 * @returns null when the request was deleted in the meantime; else what `save` returned.
 */
export async function settleAtOnce(
  { sql }: GlobalDb,
  serverId: string,
  cellId: string,
  save: Fragment,
): Promise<{ cancelled: boolean }[] | null> {
  // Locks in the order of `withdraw`, before the task.
  const [row] = await sql<{ found: boolean; cancelled: boolean | null }[]>`
    with accepted as (
      select id from accepted_servers where id = ${serverId} for update
    ), mapping as (
      select server_id from server_mappings where server_id in (select id from accepted) for update
    ), saved as (
      ${save} and exists (select from mapping) and set_config('synchronous_commit', 'off', true) = 'off'
      returning cancelled
    ), settled as (
      update server_mappings set cell_id = ${cellId} from saved where server_id = ${serverId}
    ), gone as (
      delete from accepted_servers using saved where id = ${serverId}
    )
    select exists (select from mapping) as found, (select cancelled from saved) as cancelled`
  if (!row?.found) return null
  return row.cancelled === null ? [] : [{ cancelled: row.cancelled }]
}

/** What a server counts for, and the flavor that is shown while its cell cannot be reached. */
export interface Counted {
  readonly vcpus: number
  readonly memory_mb: number
  readonly flavor: Flavor
}

/**
 * Makes a server count as one of another flavor, or as the larger of both while it may be either. The second call does
 * nothing. The usage row stays locked from the guarded update to the commit.
 * @param bounds null where what counts may rise past them: it was allowed before
 * @throws {Problem} over_quota, with Nova's sentence.
 */
export async function resizeMapping(
  tx: GlobalTx,
  serverId: string,
  { vcpus, memory_mb, flavor }: Counted,
  bounds: QuotaBounds | null,
): Promise<void> {
  const [mapping] = await tx<{ project_id: string; user_id: string; vcpus: number; memory_mb: number }[]>`
    select project_id, user_id, vcpus, memory_mb from server_mappings where server_id = ${serverId} for update`
  if (!mapping) return
  const { project_id } = mapping
  const rise = { instances: 0, cores: vcpus - mapping.vcpus, memory_mb: memory_mb - mapping.memory_mb }
  if (rise.cores !== 0 || rise.memory_mb !== 0) {
    await tx`
      update quota_usages set cores = cores + ${rise.cores}, memory_mb = memory_mb + ${rise.memory_mb}
      where project_id = ${project_id}`
    if (bounds) await refuseRise(tx, mapping, rise, bounds)
  }
  await tx`
    update server_mappings set vcpus = ${vcpus}, memory_mb = ${memory_mb}, flavor = ${tx.json(flavor as never)},
      reserved_at = ${bounds ? new Date() : null}
    where server_id = ${serverId}`
}

/** Undoes the caller's transaction by its throw where what has risen is past a bound now. */
async function refuseRise(
  tx: GlobalTx,
  { project_id, user_id }: { project_id: string; user_id: string },
  rise: QuotaUsage,
  { project, user }: QuotaBounds,
): Promise<void> {
  const risen = (limits: QuotaLimits): QuotaLimits => ({
    instances: -1,
    cores: rise.cores > 0 ? limits.cores : -1,
    memory_mb: rise.memory_mb > 0 ? limits.memory_mb : -1,
  })
  const all = less(await quotaUsage(tx, project_id), rise)
  if (shortOf(rise, all, risen(project)).length > 0) throw overQuota(rise, all, risen(project))
  if (!user) return
  // What users have is counted from the mappings, of which this server's has not changed yet.
  const own = await userUsage(tx, project_id, user_id)
  if (shortOf(rise, own, risen(user)).length > 0) throw overQuota(rise, own, risen(user))
}

const less = (used: QuotaUsage, by: QuotaUsage): QuotaUsage => ({
  instances: used.instances - by.instances,
  cores: used.cores - by.cores,
  memory_mb: used.memory_mb - by.memory_mb,
})

/** Servers that have counted as more than they are for longer than a request takes, with their cells. */
export async function reservedLongAgo(db: GlobalDb, before: Date): Promise<{ server_id: string; cell_id: string }[]> {
  return db.sql`
    select server_id, cell_id from server_mappings
    where reserved_at < ${before} and cell_id is not null order by reserved_at limit 100`
}

/** Forgets a server and gives its quota back; the second call does nothing. */
export async function forget(tx: GlobalTx, serverId: string): Promise<void> {
  await tx`
    with gone as (
      delete from server_mappings where server_id = ${serverId} returning project_id, vcpus, memory_mb
    )
    update quota_usages set
      instances = instances - 1,
      cores = cores - gone.vcpus,
      memory_mb = quota_usages.memory_mb - gone.memory_mb
    from gone where quota_usages.project_id = gone.project_id`
}

/**
 * Withdraws a request that no cell has yet, with its quota.
 * @returns false when a cell has it by now, or it is gone.
 */
export async function withdraw(tx: GlobalTx, serverId: string): Promise<boolean> {
  const withdrawn = await tx`delete from accepted_servers where id = ${serverId} returning id`
  if (withdrawn.count === 0) return false
  await forget(tx, serverId)
  return true
}

/** Of the servers that exist, whether each has a cell; those without a mapping are missing. */
export async function cellsOf(db: GlobalDb, ids: readonly string[]): Promise<{ server_id: string; cell_id: string | null }[]> {
  return db.sql`select server_id, cell_id from server_mappings where server_id = any(${ids as string[]}::uuid[])`
}
