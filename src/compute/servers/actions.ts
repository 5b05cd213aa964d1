import {
  type ActionPage,
  type Cells,
  findAction,
  type InstanceAction,
  type InstanceActionEvent,
  listActions,
} from '../../cells/index.ts'
import { isUuid, notFound, type RequestContext } from '../../kernel/index.ts'
import type { CellDb } from '../../platform/db/index.ts'
import { mayKnow, missing } from './change.ts'
import { findDeleted } from './servers.store.ts'

/** What was done to a server. Of a deleted one only where `deleted` says so. */
export function createActionLog(cells: Cells) {
  /** The cell that keeps a server's actions; null while it has none. */
  async function homeOf(ctx: RequestContext, id: string, deleted: boolean): Promise<CellDb | null> {
    const located = isUuid(id) ? await cells.find(id) : null
    if (located) {
      if (!mayKnow(ctx, located.server.project_id)) throw missing(id)
      return located.cell
    }
    for (const cell of deleted && isUuid(id) ? cells.all() : []) {
      const project = await findDeleted(cell, id)
      if (project !== null && mayKnow(ctx, project)) return cell
    }
    throw missing(id)
  }

  return {
    /** Newest first. */
    async actions(
      ctx: RequestContext,
      id: string,
      page: ActionPage,
      { deleted }: { deleted: boolean },
    ): Promise<InstanceAction[]> {
      const cell = await homeOf(ctx, id, deleted)
      return cell ? listActions(cell, id, page) : []
    },

    async action(
      ctx: RequestContext,
      id: string,
      requestId: string,
      { deleted }: { deleted: boolean },
    ): Promise<{ action: InstanceAction; events: InstanceActionEvent[] }> {
      const cell = await homeOf(ctx, id, deleted)
      const found = cell && (await findAction(cell, id, requestId))
      if (!found) throw notFound(`Action for request_id ${requestId} on instance ${id} not found`)
      return found
    },
  }
}
