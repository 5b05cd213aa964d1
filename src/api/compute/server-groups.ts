import { Type as T } from '@sinclair/typebox'
import type { Compute, GroupPolicy } from '../../compute/index.ts'
import { closed } from './changes.ts'
import { CountText, Int, integer, Many, Name, Text } from './fields.ts'
import { pageOf } from './paging.ts'
import { type Asked, bodyShape, queryShape, resource, route } from './route.ts'
import { serverGroupView } from './views/server-groups.ts'

const GroupsQuery = queryShape('server_groups', {
  all_projects: Many(Text),
  limit: Many(CountText),
  offset: Many(CountText),
})

const GroupCreate = bodyShape(
  'server_group.create',
  {
    name: Name,
    policy: T.Union((['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity'] as const).map((p) => T.Literal(p))),
    rules: T.Optional(closed({ max_server_per_host: T.Optional(Int(1)) })),
  },
  (server_group) => closed({ server_group }),
)
type GroupFields = ReturnType<ReturnType<typeof GroupCreate.at>>['server_group']

/** Until 2.64 a list of one. */
const policyOf = (group: GroupFields & { readonly policies?: readonly GroupPolicy[] }): GroupPolicy =>
  group.policies?.[0] ?? group.policy

/** Groups of servers that shall share hosts, or shall not. */
export function serverGroups({ serverGroups: groups }: Compute, { maxLimit }: { maxLimit: number }) {
  const subject = ({ ctx, params }: Asked) => groups.show(ctx, params.id!)

  return resource('os-server-groups', [
    route('GET', '/os-server-groups', {
      policy: 'os_compute_api:os-server-groups:index',
      query: GroupsQuery,
      ok: 200,
      async handle({ ctx, query, as, must }) {
        // Of others than admins the key is ignored, as Nova does.
        const all = query.all_projects !== undefined && ctx.isAdmin
        if (all) must('os_compute_api:os-server-groups:index:all_projects')
        const { limit } = pageOf(query, maxLimit)
        const offset = integer(query.offset?.at(-1) ?? 0)
        // Here 0 means no limit of the client's own.
        const found = await groups.list(all ? null : ctx.projectId, { limit: limit || maxLimit, offset })
        return { server_groups: found.map((group) => as(serverGroupView, group)) }
      },
    }),

    route('POST', '/os-server-groups', {
      policy: 'os_compute_api:os-server-groups:create',
      body: GroupCreate,
      ok: 200,
      async handle({ ctx, body, as }) {
        const { name, rules } = body.server_group
        const perHost = rules?.max_server_per_host
        const max_server_per_host = perHost === undefined ? null : integer(perHost)
        const group = await groups.create(ctx, { name, policy: policyOf(body.server_group), max_server_per_host })
        return { server_group: as(serverGroupView, group) }
      },
    }),

    route('GET', '/os-server-groups/:id', {
      policy: 'os_compute_api:os-server-groups:show',
      subject,
      ok: 200,
      handle: ({ subject, as }) => ({ server_group: as(serverGroupView, subject) }),
    }),

    route('DELETE', '/os-server-groups/:id', {
      policy: 'os_compute_api:os-server-groups:delete',
      subject,
      ok: 204,
      handle: ({ subject }) => groups.delete(subject.id),
    }),
  ])
}
