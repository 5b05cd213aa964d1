import type { GlobalDb } from '../../platform/db/index.ts'

/** A group of hosts with properties of its own; one of them may be that it is an availability zone. */
export interface Aggregate {
  readonly id: number
  readonly uuid: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  readonly hosts: readonly string[]
  readonly created_at: Date
  readonly updated_at: Date | null
}

export async function listAggregates(db: GlobalDb): Promise<Aggregate[]> {
  return db.sql<Aggregate[]>`
    select aggregates.*, coalesce(array_agg(member.host order by member.host)
      filter (where member.host is not null), '{}') as hosts
    from aggregates left join aggregate_hosts as member on member.aggregate_id = aggregates.id
    group by aggregates.id order by aggregates.id`
}

export async function findAggregate(db: GlobalDb, id: number): Promise<Aggregate | null> {
  const [row] = await db.sql<Aggregate[]>`
    select aggregates.*, array(
      select host from aggregate_hosts where aggregate_id = aggregates.id order by host) as hosts
    from aggregates where id = ${id}`
  return row ?? null
}

export async function insertAggregate(
  db: GlobalDb,
  aggregate: { readonly uuid: string; readonly name: string; readonly metadata: Record<string, string> },
): Promise<number> {
  const [row] = await db.sql<{ id: number }[]>`insert into aggregates ${db.sql(aggregate)} returning id`
  return row!.id
}

/** @param metadata keys to set; null takes a key away. */
export async function updateAggregate(
  db: GlobalDb,
  id: number,
  { name, metadata }: { readonly name?: string; readonly metadata?: Readonly<Record<string, string | null>> },
): Promise<void> {
  await db.sql`
    update aggregates set
      name = coalesce(${name ?? null}, name),
      metadata = jsonb_strip_nulls(metadata || ${db.sql.json(metadata ?? {})}),
      updated_at = now()
    where id = ${id}`
}

export async function deleteAggregate(db: GlobalDb, id: number): Promise<void> {
  await db.sql`delete from aggregates where id = ${id}`
}

/** @returns false when it has the host already. */
export async function addMember(db: GlobalDb, id: number, host: string): Promise<boolean> {
  const { count } = await db.sql`
    insert into aggregate_hosts (aggregate_id, host) values (${id}, ${host}) on conflict do nothing`
  return count > 0
}

/** @returns false when it does not have the host. */
export async function removeMember(db: GlobalDb, id: number, host: string): Promise<boolean> {
  const { count } = await db.sql`delete from aggregate_hosts where aggregate_id = ${id} and host = ${host}`
  return count > 0
}

/** The zone of each host that an aggregate puts into one. */
export async function zonesByHost(db: GlobalDb): Promise<ReadonlyMap<string, string>> {
  const rows = await db.sql<{ host: string; zone: string }[]>`
    select member.host, aggregates.metadata ->> 'availability_zone' as zone
    from aggregate_hosts as member join aggregates on aggregates.id = member.aggregate_id
    where aggregates.metadata ? 'availability_zone'`
  return new Map(rows.map(({ host, zone }) => [host, zone]))
}
