import {
  beginAction,
  type Cells,
  type Located,
  lockServer,
  type NewAction,
  type Server,
  updateServer,
} from '../../cells/index.ts'
import { type HostCalls, insertTask } from '../../conductor/index.ts'
import { type Clock, conflict, isUuid, notFound, type Problem, type RequestContext } from '../../kernel/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { ImageLookup, NetworkCheck, Scheduling } from '../ports.ts'
import type { ServerGroups } from '../server-groups/server-groups.ts'
import type { Quotas } from '../quotas/quotas.ts'
import { assertAllowed, type Transition } from './transitions.ts'

export interface ServerPorts {
  readonly cells: Cells
  readonly quotas: Quotas
  readonly hosts: Hosts
  readonly serverGroups: ServerGroups
  readonly images: ImageLookup
  readonly networks: NetworkCheck
  readonly hostCalls: HostCalls
  readonly scheduling: Scheduling
  readonly default_schedule_zone: string | null
  readonly clock: Clock
  readonly instance_name_template: string
  /** `[DEFAULT] rpc_response_timeout`: how long a request waits for what it has begun, where it does. */
  readonly rpc_response_timeout_s: number
  /** `[DEFAULT] allow_resize_to_same_host`. */
  readonly allow_resize_to_same_host: boolean
  /** `[DEFAULT] reclaim_instance_interval`: how long a deleted server can be restored; 0 deletes at once. */
  readonly reclaim_instance_interval_s: number
  /** Tells the conductors of a database that a task is there. */
  ring(database: string, taskId: string): void
}

/** A request is on its way into a cell for some milliseconds; what cannot be done to it meanwhile waits this long. */
const SETTLE_DEADLINE_MS = 2_000
const SETTLE_INTERVAL_MS = 20

export const missing = (id: string): Problem => notFound(`Instance ${id} could not be found.`)

/** One of another project does not exist for anyone but admins. */
export const mayKnow = (ctx: RequestContext, projectId: string): boolean => ctx.isAdmin || projectId === ctx.projectId

/** Whoever changes a server goes through one of these: the row is locked, the state rules hold. */
export type Changes = ReturnType<typeof createChanges>

export function createChanges({ cells, clock, ring }: Pick<ServerPorts, 'cells' | 'clock' | 'ring'>) {
  async function find(ctx: RequestContext, id: string): Promise<Located> {
    const located = isUuid(id) ? await cells.find(id) : null
    if (!located || !mayKnow(ctx, located.server.project_id)) throw missing(id)
    return located
  }

  /** The cell of a server; waits for one that is being placed right now. */
  async function cellOf(located: Located): Promise<CellDb> {
    const { id } = located.server
    let { cell } = located
    for (const deadline = clock.now() + SETTLE_DEADLINE_MS; cell === null && clock.now() < deadline;) {
      await clock.sleep(SETTLE_INTERVAL_MS)
      const again = await cells.find(id)
      if (!again) throw missing(id)
      cell = again.cell
    }
    if (cell === null) throw conflict(`Instance ${id} is not ready`)
    return cell
  }

  /** Changes the row under its lock, after the state rules have been checked against what cannot change any more. */
  async function change<T>(
    ctx: RequestContext,
    located: Located,
    transition: Transition,
    write: (tx: CellTx, server: Server, cell: CellDb) => Promise<T>,
  ): Promise<T> {
    // A server without a cell has not run yet: most transitions are refused without waiting for one.
    if (located.cell === null) assertAllowed(ctx, located.server, transition)
    const cell = await cellOf(located)
    return cell.transaction(async (tx) => {
      const server = await lockServer(tx, located.server.id)
      if (!server) throw missing(located.server.id)
      assertAllowed(ctx, server, transition)
      return write(tx, server, cell)
    })
  }

  const logged = (ctx: RequestContext, server: Server, { action, logged }: Transition): NewAction => ({
    server_id: server.id,
    action: logged ?? action,
    request_id: ctx.requestId,
    user_id: ctx.userId,
    project_id: ctx.projectId,
    start_time: new Date(clock.now()),
  })

  /**
   * Begins what a conductor finishes: task state, action log and task row in one transaction.
   * @param also what else changes at once; it may refuse
   */
  async function begin(
    ctx: RequestContext,
    located: Located,
    transition: Transition,
    task: { kind: string; input: unknown; deadline_s: number },
    also: (tx: CellTx, server: Server) => Promise<Partial<Server>> | Partial<Server> = () => ({}),
  ): Promise<void> {
    const { cell, id } = await change(ctx, located, transition, async (tx, server, cell) => {
      const changes = await also(tx, server)
      const [, , id] = await Promise.all([
        updateServer(tx, server.id, {
          ...changes,
          task_state: transition.task_state ?? null,
          generation: server.generation + 2,
        }),
        beginAction(tx, logged(ctx, server, transition)),
        insertTask(tx, { ...task, subject: server.id, request_id: ctx.requestId }),
      ])
      return { cell, id }
    })
    ring(cell.id, id)
  }

  /** What is done at once: no host has a part in it. */
  async function alter(
    ctx: RequestContext,
    located: Located,
    transition: Transition,
    changes: (server: Server) => Partial<Server>,
  ): Promise<Server> {
    return change(ctx, located, transition, async (tx, server) => {
      const changed = changes(server)
      await updateServer(tx, server.id, changed)
      return { ...server, ...changed, updated_at: new Date(clock.now()) }
    })
  }

  return { find, cellOf, change, alter, begin, logged }
}
