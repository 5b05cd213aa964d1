import {
  beginAction,
  findMigration,
  listMigrations,
  liveMigrations,
  type Located,
  type Migration,
  type MigrationQuery,
  updateMigration,
} from '../../cells/index.ts'
import { cancelTasks, insertTask } from '../../conductor/index.ts'
import { badRequest, isUuid, notFound, type RequestContext } from '../../kernel/index.ts'
import type { Changes, ServerPorts } from './change.ts'
import { type Transition, TRANSITIONS } from './transitions.ts'

export type MigrationFilter = Omit<MigrationQuery, 'after' | 'limit'>

const FORCE_DEADLINE_S = 120

/** Moves of servers between hosts: what there were, and what may be done about one under way. */
export function createMigrationUseCases({ cells, ring }: Pick<ServerPorts, 'cells' | 'ring'>, changes: Changes) {
  async function marked(marker: string): Promise<Migration> {
    for (const cell of isUuid(marker) ? cells.withHosts() : []) {
      const found = await findMigration(cell, marker)
      if (found) return found
    }
    throw badRequest(`Marker ${marker} could not be found.`)
  }

  const underWay = async ({ cell, server }: Located): Promise<Migration[]> =>
    cell ? liveMigrations(cell.sql, server.id) : []

  /** @throws {Problem} not_found for one that is not under way, in Nova's words */
  async function live(located: Located, id: string): Promise<Migration> {
    const found = (await underWay(located)).find((migration) => String(migration.id) === id)
    if (found) return found
    throw notFound(`In-progress live migration ${id} is not found for server ${located.server.id}.`)
  }

  /** One that can be acted on is looked for among all of the server: what has ended is refused, not missing. */
  async function ofServer({ cell, server }: Located, id: string): Promise<Migration> {
    const [found] = cell && /^\d{1,15}$/.test(id)
      ? await cell.sql<Migration[]>`select * from migrations where server_id = ${server.id} and id = ${id}`
      : []
    if (found) return found
    throw notFound(`Migration ${id} could not be found for instance ${server.id}.`)
  }

  const wrongState = ({ server }: Located, migration: Migration, method: string) =>
    badRequest(
      `Migration ${migration.id} state of instance ${server.id} is ${migration.status}. ` +
        `Cannot ${method} while the migration is in this state.`,
    )

  return {
    /** Newest first. @throws {Problem} bad_request: unknown marker */
    async migrations(filter: MigrationFilter, { limit, marker }: { limit: number; marker: string | null }) {
      const after = marker === null ? null : await marked(marker)
      const { found } = await cells.gather((cell) => listMigrations(cell, { ...filter, after, limit }))
      return found
        .sort((a, b) => b.created_at.getTime() - a.created_at.getTime() || b.id - a.id)
        .slice(0, limit)
    },

    liveMigrations: underWay,
    liveMigration: live,

    /** Has a live migration end soon, by a pause of the guest. @throws {Problem} bad_request, not_found, conflict */
    async forceComplete(ctx: RequestContext, located: Located, id: string): Promise<void> {
      const transition: Transition = TRANSITIONS.live_migrate_force_complete
      const task = await changes.change(ctx, located, transition, async (tx, server, cell) => {
        const migration = await ofServer({ ...located, cell }, id)
        if (migration.migration_type !== 'live-migration' || migration.status !== 'running') {
          throw wrongState(located, migration, 'force_complete')
        }
        await beginAction(tx, changes.logged(ctx, server, transition))
        // Beside the migration's own task, which goes on meanwhile: so it is about the migration.
        const task = await insertTask(tx, {
          kind: 'server.force-complete',
          subject: migration.uuid,
          request_id: ctx.requestId,
          input: { server_id: server.id, host: migration.source_compute ?? '' },
          deadline_s: FORCE_DEADLINE_S,
        })
        return { cell: cell.id, task }
      })
      ring(task.cell, task.task)
    },

    /** @param early also before it runs. @throws {Problem} bad_request, not_found, conflict */
    async abortMigration(ctx: RequestContext, located: Located, id: string, { early }: { early: boolean }): Promise<void> {
      const transition: Transition = TRANSITIONS.live_migrate_abort
      await changes.change(ctx, located, transition, async (tx, server, cell) => {
        const migration = await ofServer({ ...located, cell }, id)
        const statuses = early ? ['running', 'queued', 'preparing', 'accepted'] : ['running']
        if (migration.migration_type !== 'live-migration' || !statuses.includes(migration.status)) {
          throw wrongState(located, migration, 'abort live migration')
        }
        await beginAction(tx, changes.logged(ctx, server, transition))
        await updateMigration(tx, migration.id, { cancel_request_id: ctx.requestId })
        await cancelTasks(tx, server.id)
      })
    },
  }
}
