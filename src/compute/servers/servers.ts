import {
  beginAction,
  type Cells,
  findAction,
  type InstanceAction,
  type InstanceActionEvent,
  listActions,
  type Located,
  lockServer,
  type Server,
  type ServerQuery,
  updateServer,
  withdraw,
} from '../../cells/index.ts'
import { cancelTasks, DELETE_DEADLINE_S, type HostCalls, insertTask, instanceName } from '../../conductor/index.ts'
import { badRequest, type Clock, conflict, isUuid, notFound, Problem, type RequestContext } from '../../kernel/index.ts'
import type { CellDb, CellTx } from '../../platform/db/index.ts'
import type { Hosts, HostStatus } from '../hosts/hosts.ts'
import type { ImageLookup, NetworkCheck } from '../ports.ts'
import type { Quotas } from '../quotas/quotas.ts'
import { type CreateServers, createServers } from './create.ts'
import { findDeleted } from './servers.store.ts'
import { assertAllowed, type Transition, TRANSITIONS } from './transitions.ts'

export interface ServerPorts {
  readonly cells: Cells
  readonly quotas: Quotas
  readonly hosts: Hosts
  readonly images: ImageLookup
  readonly networks: NetworkCheck
  readonly hostCalls: HostCalls
  readonly clock: Clock
  readonly instance_name_template: string
  /** Tells the conductors of a database that a task is there. */
  ring(database: string, taskId: string): void
}

/** A server with what follows from its row. */
export interface ServerDetail {
  readonly server: Server
  /** What libvirt calls the guest; "" before the server has a cell. */
  readonly instance_name: string
  readonly zone: string
  /** Null where nobody asked. */
  readonly host_status: HostStatus | null
}

/** Which servers a list has, in which order. */
export type ServerFilter = Omit<ServerQuery, 'after' | 'limit'>

/** What an owner may change at any time. */
export type ServerUpdate = Partial<
  Pick<Server, 'name' | 'description' | 'hostname' | 'access_ip_v4' | 'access_ip_v6' | 'auto_disk_config'>
>

export type Servers = ReturnType<typeof createServerUseCases>

const CONSOLE_DEADLINE_S = 30
const POWER_DEADLINE_S = 3600
/** A request is on its way into a cell for some milliseconds; what cannot be done to it meanwhile waits this long. */
const SETTLE_DEADLINE_MS = 2_000
const SETTLE_INTERVAL_MS = 20

export function createServerUseCases(ports: ServerPorts) {
  const { cells, hosts, clock } = ports
  const missing = (id: string): Problem => notFound(`Instance ${id} could not be found.`)

  /** A server that the caller may know of: one of another project does not exist for anyone but admins. */
  async function find(ctx: RequestContext, id: string): Promise<Located> {
    const located = isUuid(id) ? await cells.find(id) : null
    if (!located || (!ctx.isAdmin && located.server.project_id !== ctx.projectId)) throw missing(id)
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

  const logged = (ctx: RequestContext, server: Server, { action, logged }: Transition) => ({
    server_id: server.id,
    action: logged ?? action,
    request_id: ctx.requestId,
    user_id: ctx.userId,
    project_id: ctx.projectId,
    start_time: new Date(clock.now()),
  })

  /** Begins what a conductor finishes: task state, action log and task row in one transaction. */
  async function begin(
    ctx: RequestContext,
    located: Located,
    transition: Transition,
    task: { kind: string; input: unknown; deadline_s: number },
  ): Promise<void> {
    const { cell, id } = await change(ctx, located, transition, async (tx, server, cell) => {
      const [, , id] = await Promise.all([
        updateServer(tx, server.id, {
          task_state: transition.task_state ?? null,
          generation: server.generation + 2,
        }),
        beginAction(tx, logged(ctx, server, transition)),
        insertTask(tx, { ...task, subject: server.id, request_id: ctx.requestId }),
      ])
      return { cell, id }
    })
    ports.ring(cell.id, id)
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

  async function remove(ctx: RequestContext, located: Located): Promise<void> {
    const { id } = located.server
    assertAllowed(ctx, located.server, TRANSITIONS.delete)
    if (located.cell === null) {
      const withdrawn = await cells.global.transaction(async (tx) => {
        await cancelTasks(tx, id)
        return withdraw(tx, id)
      })
      if (withdrawn) return
    }
    const found = await cells.find(id)
    // Gone meanwhile: what was asked for has happened.
    if (!found) return
    const cell = await cellOf(found)
    const task = await cell.transaction(async (tx) => {
      const server = await lockServer(tx, id)
      if (!server || server.task_state === 'deleting') return null
      assertAllowed(ctx, server, TRANSITIONS.delete)
      await cancelTasks(tx, id)
      await updateServer(tx, id, { task_state: 'deleting', progress: 0, generation: server.generation + 2 })
      await beginAction(tx, logged(ctx, server, TRANSITIONS.delete))
      return insertTask(tx, {
        kind: 'server.delete',
        subject: id,
        request_id: ctx.requestId,
        input: {},
        deadline_s: DELETE_DEADLINE_S,
      })
    })
    if (task) ports.ring(cell.id, task)
  }

  async function details(servers: readonly Server[], withStatus: boolean): Promise<ServerDetail[]> {
    const [zoneOf, statuses] = await Promise.all([hosts.zoneOf(), withStatus ? hosts.statuses() : null])
    return servers.map((server) => ({
      server,
      instance_name: server.number === null ? '' : instanceName(ports.instance_name_template, server),
      zone: server.host === null ? (server.availability_zone ?? '') : zoneOf(server.host),
      host_status: statuses && (server.host === null ? '' : (statuses.get(server.host) ?? 'UNKNOWN')),
    }))
  }

  /** Cells that may know of a server's actions, deleted ones too where `deleted`. */
  async function actionHomes(ctx: RequestContext, id: string, deleted: boolean): Promise<CellDb | null> {
    const located = isUuid(id) ? await cells.find(id) : null
    if (located) {
      if (!ctx.isAdmin && located.server.project_id !== ctx.projectId) throw missing(id)
      return located.cell
    }
    if (!deleted || !isUuid(id)) throw missing(id)
    for (const cell of cells.all()) {
      const project = await findDeleted(cell, id)
      if (project === null) continue
      if (!ctx.isAdmin && project !== ctx.projectId) break
      return cell
    }
    throw missing(id)
  }

  const power = (transition: Transition, kind: string) => (ctx: RequestContext, located: Located) =>
    begin(ctx, located, transition, { kind, input: {}, deadline_s: POWER_DEADLINE_S })

  return {
    find,
    details,

    create: (ctx: RequestContext, request: CreateServers): Promise<Server[]> => createServers(ports, ctx, request),

    /** @param marker id of the last server of the page before. @throws {Problem} bad_request: unknown marker */
    async list(
      ctx: RequestContext,
      filter: ServerFilter,
      { marker, limit }: { marker: string | null; limit: number },
    ): Promise<Server[]> {
      if (marker === null) return cells.list({ ...filter, limit, after: null })
      const unknown = badRequest(`marker [${marker}] not found`)
      const located = isUuid(marker) ? await cells.find(marker) : null
      if (!located || (!ctx.isAdmin && located.server.project_id !== ctx.projectId)) throw unknown
      return cells.list({ ...filter, limit, after: located.server })
    },

    update: (ctx: RequestContext, located: Located, changes: ServerUpdate): Promise<Server> =>
      alter(ctx, located, TRANSITIONS.update, () => changes),

    delete: remove,
    start: power(TRANSITIONS.start, 'server.start'),
    stop: power(TRANSITIONS.stop, 'server.stop'),

    reboot: (ctx: RequestContext, located: Located, type: 'SOFT' | 'HARD'): Promise<void> =>
      begin(ctx, located, type === 'SOFT' ? TRANSITIONS.reboot_soft : TRANSITIONS.reboot_hard, {
        kind: 'server.reboot',
        input: { type },
        deadline_s: POWER_DEADLINE_S,
      }),

    /** @param lines from the end; null is all of it. @throws {Problem} conflict: it is on no host yet */
    async consoleOutput({ server }: Located, lines: number | null): Promise<string> {
      if (server.host === null) throw conflict(`Instance ${server.id} is not ready`)
      return ports.hostCalls.query(
        server.host,
        { query: 'console_output', server_id: server.id, lines },
        CONSOLE_DEADLINE_S,
      )
    },

    /** Locks against all but admins; a lock of another project's admin is not the owner's to lift. */
    lock: (ctx: RequestContext, located: Located, reason: string | null): Promise<Server> =>
      alter(ctx, located, TRANSITIONS.lock, (server) => {
        const mine = server.project_id === ctx.projectId
        if (server.locked_by === 'owner' && mine) return {}
        return { locked_by: mine ? 'owner' : 'admin', locked_reason: reason }
      }),

    unlock: (ctx: RequestContext, located: Located): Promise<Server> =>
      alter(ctx, located, TRANSITIONS.unlock, () => ({ locked_by: null, locked_reason: null })),

    resetState: (ctx: RequestContext, located: Located, vm_state: 'active' | 'error'): Promise<Server> =>
      alter(ctx, located, TRANSITIONS.reset_state, () => ({ vm_state, task_state: null })),

    /** @param merge what the metadata becomes. @throws {Problem} over_quota */
    async setMetadata(
      ctx: RequestContext,
      located: Located,
      merge: (metadata: Server['metadata']) => Record<string, string>,
    ): Promise<Server['metadata']> {
      const { metadata_items: limit } = await ports.quotas.limitsOf(located.server.project_id)
      const { metadata } = await alter(ctx, located, TRANSITIONS.metadata, (server) => {
        const metadata = merge(server.metadata)
        if (limit >= 0 && Object.keys(metadata).length > limit) {
          throw new Problem('over_quota', `Maximum number of metadata items exceeds ${limit}`)
        }
        return { metadata }
      })
      return metadata
    },

    /** @param merge what the tags become. */
    async setTags(
      ctx: RequestContext,
      located: Located,
      merge: (tags: readonly string[]) => string[],
    ): Promise<readonly string[]> {
      const { tags } = await alter(ctx, located, TRANSITIONS.tags, (server) => ({ tags: merge(server.tags) }))
      return tags
    },

    /** Newest first. Of a deleted server only where `deleted` says so. */
    async actions(
      ctx: RequestContext,
      id: string,
      page: Parameters<typeof listActions>[2],
      { deleted }: { deleted: boolean },
    ): Promise<InstanceAction[]> {
      const cell = await actionHomes(ctx, id, deleted)
      return cell ? listActions(cell, id, page) : []
    },

    async action(
      ctx: RequestContext,
      id: string,
      requestId: string,
      { deleted }: { deleted: boolean },
    ): Promise<{ action: InstanceAction; events: InstanceActionEvent[] }> {
      const cell = await actionHomes(ctx, id, deleted)
      const found = cell && (await findAction(cell, id, requestId))
      if (!found) throw notFound(`Action for request_id ${requestId} on instance ${id} not found`)
      return found
    },
  }
}
