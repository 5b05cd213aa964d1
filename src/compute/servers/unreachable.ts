import { type Cells, findMapped, isUnreachable, listMapped, type MappedServer } from '../../cells/index.ts'
import type { RequestContext } from '../../kernel/index.ts'
import { mayKnow, missing } from './change.ts'
import type { ServerFilter } from './servers.ts'

/** Servers of cells that cannot be reached: of them only what the global database knows can be told. */
export function createUnreachable(cells: Cells) {
  return {
    /**
     * What is known of a server after a look for it failed.
     * @throws {Problem} not_found; or the failure itself, where it does not say that the cell is away
     */
    async findMapped(ctx: RequestContext, id: string, failure: unknown): Promise<MappedServer> {
      if (!isUnreachable(failure)) throw failure
      const server = await findMapped(cells.global, id)
      if (!server || !mayKnow(ctx, server.project_id)) throw missing(id)
      return server
    },

    /** Those of the given cells that match: of filters, only that by project can be told without the cell. */
    async mapped(cellIds: readonly string[], filter: ServerFilter, limit: number): Promise<MappedServer[]> {
      if (limit <= 0 || !onlyByProject(filter)) return []
      const projects = filter.exact.project_id ?? [null]
      return listMapped(cells.global, { cells: cellIds, projectId: projects[0] as string | null, limit })
    },
  }
}

function onlyByProject({ exact, pattern, status, ip, locked, tags, deleted, ...times }: ServerFilter): boolean {
  return (
    Object.keys(exact).every((column) => column === 'project_id') &&
    Object.keys(pattern).length === 0 &&
    Object.values(tags).every((list) => list.length === 0) &&
    status === null &&
    ip === null &&
    locked === null &&
    deleted === false &&
    times.changes_since === null &&
    times.changes_before === null
  )
}
