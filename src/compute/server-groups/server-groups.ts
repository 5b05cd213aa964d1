import { badRequest, isUuid, newId, notFound, Problem, type RequestContext } from '../../kernel/index.ts'
import { type Cells, leaveGroup } from '../../cells/index.ts'
import type { Quotas } from '../quotas/quotas.ts'
import { deleteGroup, findGroup, type GroupPolicy, insertGroup, listGroups, type ServerGroup } from './server-groups.store.ts'

export interface NewServerGroup {
  readonly name: string
  readonly policy: GroupPolicy
  readonly max_server_per_host: number | null
}

export type ServerGroups = ReturnType<typeof createServerGroups>

/** Groups of a project's servers with a policy on which hosts these may share. */
export function createServerGroups({ cells, quotas }: { readonly cells: Cells; readonly quotas: Quotas }) {
  const db = cells.global

  async function visible(ctx: RequestContext, id: string): Promise<ServerGroup | null> {
    const group = isUuid(id) ? await findGroup(db.sql, id) : null
    return group && (ctx.isAdmin || group.project_id === ctx.projectId) ? group : null
  }

  const missing = (id: string): Problem => notFound(`Instance group ${id} could not be found.`)

  return {
    /** @throws {Problem} bad_request, over_quota */
    async create(ctx: RequestContext, wanted: NewServerGroup): Promise<ServerGroup> {
      if (wanted.max_server_per_host !== null && wanted.policy !== 'anti-affinity') {
        throw badRequest('Only anti-affinity policy supports rules.')
      }
      const { project, user } = await quotas.boundsOf(ctx.projectId, ctx.userId)
      const limits = { project: project.server_groups, user: user?.server_groups ?? -1 }
      const group = { id: newId(), project_id: ctx.projectId, user_id: ctx.userId, ...wanted }
      const created = await insertGroup(db, group, limits)
      if (!created) throw new Problem('over_quota', 'Quota exceeded, too many server groups.')
      return created
    },

    /** @param projectId null for those of all projects */
    list: (projectId: string | null, page: { limit: number; offset: number }): Promise<ServerGroup[]> =>
      listGroups(db.sql, { projectId, ...page }),

    /** @throws {Problem} not_found, for one of another project too. */
    async show(ctx: RequestContext, id: string): Promise<ServerGroup> {
      const group = await visible(ctx, id)
      if (!group) throw missing(id)
      return group
    },

    /** Its servers stay where they are, in no group. */
    async delete(id: string): Promise<void> {
      if (!(await deleteGroup(db.sql, id))) throw missing(id)
      // A cell that is away keeps the name of a group that is no more, which binds nobody.
      await cells.gather(async (cell) => (await leaveGroup(cell, id), []))
    },

    /**
     * Whether so many servers more may be made in the group that a hint names; null names none.
     * @throws {Problem} bad_request for a group that there is not, over_quota for too many members
     */
    async checkRoom(ctx: RequestContext, id: string | null, servers: number): Promise<void> {
      if (id === null) return
      const group = await visible(ctx, id)
      if (!group) throw badRequest(`Instance group ${id} could not be found.`)
      const { server_group_members: limit } = await quotas.limitsOf(ctx.projectId, ctx.userId)
      if (limit >= 0 && group.members.length + servers > limit) {
        throw new Problem('over_quota', 'Quota exceeded, too many servers in group')
      }
    },
  }
}
