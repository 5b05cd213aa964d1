import { type Cells, findGroupRule, type GroupRule, hostsOfServers, membersOnHosts } from '../../cells/index.ts'
import type { Flavor, PlanGroup, PlanRequest, SchedulerHints } from '../../contracts/index.ts'

/** What a decision is asked for: a server that is accepted, or one that somebody only wonders about. */
export interface Wanted {
  readonly server_id: string
  readonly project_id: string
  readonly flavor: Flavor
  readonly image_id: string | null
  readonly image_properties: Readonly<Record<string, string>>
  /** Null takes `[DEFAULT] default_schedule_zone`. */
  readonly availability_zone: string | null
  readonly force_host: string | null
  readonly force_node: string | null
  readonly requested_host?: string
  readonly requested_node?: string
  readonly hints?: SchedulerHints
  /** The server group that it is to be in. */
  readonly group_id: string | null
}

export interface PlanRequestParts {
  readonly cells: Cells
  readonly default_schedule_zone: string | null
  /** Hosts wanted back. */
  readonly count: number
  readonly seed: number
}

/** The one way from what is wanted to what the scheduler is asked: real decisions and questions alike take it. */
export async function planRequestFor(
  wanted: Wanted,
  { cells, default_schedule_zone, count, seed }: PlanRequestParts,
): Promise<PlanRequest> {
  const { requested_host, requested_node } = wanted
  return {
    server_id: wanted.server_id,
    project_id: wanted.project_id,
    flavor: wanted.flavor,
    image_id: wanted.image_id,
    image_properties: { ...wanted.image_properties },
    availability_zone: wanted.availability_zone ?? default_schedule_zone,
    force_host: wanted.force_host,
    force_node: wanted.force_node,
    ...(requested_host === undefined ? {} : { requested_host }),
    ...(requested_node === undefined ? {} : { requested_node }),
    ignore_hosts: [],
    ...(await hintsFor(cells, wanted)),
    ...(await groupFor(cells, wanted)),
    count,
    seed,
  }
}

/** Where the servers of the hints are is looked up when it is needed, and tells nothing of other projects. */
async function hintsFor(
  cells: Cells,
  { hints, project_id }: Pick<Wanted, 'hints' | 'project_id'>,
): Promise<Pick<PlanRequest, 'hints'>> {
  if (hints === undefined) return {}
  const hostsOf = async (ids: readonly string[]): Promise<string[]> => {
    const found = await Promise.all(cells.withHosts().map((cell) => hostsOfServers(cell, project_id, ids)))
    return [...new Set(found.flat())]
  }
  const { different_host, same_host, ...rest } = hints
  return {
    hints: {
      ...rest,
      ...(different_host === undefined ? {} : { different_host: await hostsOf(different_host) }),
      ...(same_host === undefined ? {} : { same_host: await hostsOf(same_host) }),
    },
  }
}

/** Where the other members of the group are by now. */
async function groupFor(cells: Cells, { group_id, server_id }: Wanted): Promise<Pick<PlanRequest, 'group'>> {
  const rule = group_id === null ? null : await findGroupRule(cells.global, group_id)
  return rule ? { group: await groupNow(cells, rule, server_id) } : {}
}

async function groupNow(cells: Cells, rule: GroupRule, serverId: string): Promise<PlanGroup> {
  const found = await Promise.all(cells.withHosts().map((cell) => membersOnHosts(cell, rule.id, serverId)))
  const { policy, max_server_per_host } = rule
  return { policy, max_server_per_host, members: found.flat().map(({ host, servers }) => ({ host, servers })) }
}

/** The seed of a server's decisions: the same for each look at it, another for each server. */
export const seedOf = (serverId: string): number => Number.parseInt(serverId.slice(0, 8), 16)
