import {
  claim,
  findGroupRule,
  type HeldFor,
  lockGroup,
  lockHosts,
  mayJoin,
  recordClaim,
  type Server,
} from '../../cells/index.ts'
import { type Candidate, type Flavor, isSchedulerHints, type SchedulerHints } from '../../contracts/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import { sentence } from '../../scheduler/index.ts'
import { planRequestFor, seedOf } from './plan-request.ts'
import type { TaskPorts } from './ports.ts'

/** Where a server may go. */
export interface Wish {
  readonly flavor: Flavor
  /** Hosts that it must not be on. */
  readonly not_on: readonly string[]
  /** Wanted, if it passes the filters; null takes any. */
  readonly host: string | null
  /** Takes the host although filters say no. */
  readonly force?: boolean
  /** Null takes the zone that the server was made for. */
  readonly availability_zone?: string | null
  readonly image?: { readonly id: string; readonly properties: Readonly<Record<string, string>> }
}

/** A host that is chosen, and where commands find it. */
export type Destination = Pick<Candidate, 'host_id' | 'host' | 'node'>

/**
 * Hosts of the server's own cell that could take it now, the best first.
 * @throws {Problem} no_valid_host, with what stood in the way
 */
export async function planDestination(
  ports: TaskPorts,
  cell: CellDb,
  server: Server,
  wish: Wish,
): Promise<readonly Destination[]> {
  const request = await planRequestFor(
    {
      server_id: server.id,
      project_id: server.project_id,
      flavor: wish.flavor,
      image_id: server.image_id,
      image_properties: { ...server.image?.properties },
      availability_zone: wish.availability_zone ?? server.availability_zone,
      force_host: wish.force ? wish.host : null,
      force_node: null,
      ...(wish.host !== null && !wish.force ? { requested_host: wish.host } : {}),
      ...hintsOf(server),
      group_id: server.group_id,
    },
    { ...ports, count: Math.max(ports.max_attempts, MIN_CANDIDATES), seed: seedOf(server.id) + server.generation },
  )
  const { candidates, explanation } = await ports.planner.plan({
    ...request,
    // A server does not leave its cell: its disks, its log and its hosts' bus are there.
    cell_id: cell.id,
    ignore_hosts: [...wish.not_on],
  })
  if (candidates.length === 0) throw new Problem('no_valid_host', sentence(explanation))
  return candidates.map(({ host_id, host, node }) => ({ host_id, host, node }))
}

/** More than one, so that a server which loses a race for the best host still moves. */
const MIN_CANDIDATES = 3

/**
 * Takes a share of the first candidate that still has room for the server, in the caller's transaction.
 * @throws {Problem} no_valid_host
 */
export async function claimDestination(
  ports: TaskPorts,
  tx: CellTx,
  server: Server,
  candidates: readonly Destination[],
  { flavor, held_for }: { flavor: Flavor; held_for: HeldFor },
): Promise<Destination> {
  const rule = server.group_id === null ? null : await findGroupRule(ports.cells.global, server.group_id)
  if (rule) await lockGroup(tx, rule)
  await lockHosts(tx, server.id, candidates.map((candidate) => candidate.host_id))
  for (const candidate of candidates) {
    if (rule && !(await mayJoin(tx, rule, server.id, candidate.host_id))) continue
    if (!(await claim(tx, candidate.host_id, flavor))) continue
    await recordClaim(tx, server.id, candidate.host_id, flavor, held_for)
    return candidate
  }
  throw new Problem('no_valid_host', 'No valid host was found: the chosen hosts were taken by other servers.')
}

/** What its owner said to the scheduler when the server was made goes on to hold. */
function hintsOf({ scheduler_hints }: Server): { hints?: SchedulerHints } {
  const { different_host, same_host, build_near_host_ip, cidr, query } = scheduler_hints
  const ids = (value: unknown) => (value === undefined ? undefined : [value].flat())
  const hints = Object.fromEntries(
    Object.entries({
      different_host: ids(different_host),
      same_host: ids(same_host),
      build_near_host_ip,
      cidr,
      query: typeof query === 'string' ? query : undefined,
    }).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  )
  return Object.keys(hints).length > 0 && isSchedulerHints(hints) ? { hints } : {}
}
