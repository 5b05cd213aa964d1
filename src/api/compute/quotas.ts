import { Type as T } from '@sinclair/typebox'
import { type Compute, QUOTA_RESOURCES, type QuotaResource, type QuotaValues } from '../../compute/index.ts'
import { badRequest } from '../../kernel/index.ts'
import { closed } from './changes.ts'
import { Bool, boolean, Int, integer, Many } from './fields.ts'
import { bodyShape, queryShape, resource, route } from './route.ts'
import { limitsView, quotaClassSet, quotaSet, quotaSetDetail } from './views/limits.ts'

const LimitsQuery = queryShape('limits', { tenant_id: Many(T.String({ maxLength: 255 })) })
const QuotaQuery = queryShape('quota', { user_id: Many(T.String({ maxLength: 255 })) })

const limit = T.Optional(Int(-1))
const QuotaUpdate = bodyShape(
  'quota.update',
  {
    instances: limit,
    cores: limit,
    ram: limit,
    metadata_items: limit,
    key_pairs: limit,
    server_groups: limit,
    server_group_members: limit,
    force: T.Optional(Bool),
  },
  (quota_set) => closed({ quota_set }),
)

const ClassUpdate = bodyShape(
  'quota_class.update',
  {
    instances: limit,
    cores: limit,
    ram: limit,
    metadata_items: limit,
    key_pairs: limit,
    server_groups: limit,
    server_group_members: limit,
  },
  (quota_class_set) => closed({ quota_class_set }),
)

/** The limits that are counted by here. Those of older versions that nothing counts are accepted, and change nothing. */
function counted(asked: Readonly<Record<string, unknown>>): Partial<QuotaValues> {
  return Object.fromEntries(
    Object.entries(asked)
      .filter(([resource]) => QUOTA_RESOURCES.includes(resource as QuotaResource))
      .map(([resource, value]) => [resource, integer(value as number | string)]),
  )
}

/** `?user_id=`: the part of one user in it. */
const userOf = ({ user_id }: { readonly user_id?: readonly string[] }): string | null => user_id?.at(-1) ?? null

/** What projects may have and what they have of it. */
export function quotas({ quotas }: Compute) {
  const used = async (projectId: string, userId: string | null = null) => {
    const [limits, used] = await Promise.all([quotas.limitsOf(projectId, userId), quotas.usageOf(projectId, userId)])
    return { ...limits, used }
  }
  const target = (project_id: string) => ({ project_id })

  return resource('limits', [
    route('GET', '/limits', {
      policy: 'os_compute_api:limits',
      query: LimitsQuery,
      ok: 200,
      async handle(req) {
        const other = req.query.tenant_id?.at(-1)
        if (other !== undefined) req.must('os_compute_api:limits:other_project')
        return { limits: { rate: [], absolute: req.as(limitsView, await used(other ?? req.ctx.projectId)) } }
      },
    }),

    route('GET', '/os-quota-sets/:id', {
      policy: null,
      query: QuotaQuery,
      ok: 200,
      async handle({ params, query, as, must }) {
        must('os_compute_api:os-quota-sets:show', target(params.id!))
        await quotas.mustExist(params.id!)
        return { quota_set: { id: params.id, ...as(quotaSet, await quotas.limitsOf(params.id!, userOf(query))) } }
      },
    }),

    route('GET', '/os-quota-sets/:id/detail', {
      policy: null,
      query: QuotaQuery,
      ok: 200,
      async handle({ params, query, as, must }) {
        must('os_compute_api:os-quota-sets:detail', target(params.id!))
        await quotas.mustExist(params.id!)
        return { quota_set: { id: params.id, ...as(quotaSetDetail, await used(params.id!, userOf(query))) } }
      },
    }),

    route('GET', '/os-quota-sets/:id/defaults', {
      policy: 'os_compute_api:os-quota-sets:defaults',
      ok: 200,
      async handle({ params, as }) {
        await quotas.mustExist(params.id!)
        return { quota_set: { id: params.id, ...as(quotaSet, await quotas.defaults()) } }
      },
    }),

    route('PUT', '/os-quota-sets/:id', {
      policy: null,
      query: QuotaQuery,
      body: QuotaUpdate,
      ok: 200,
      async handle({ params, query, body, as, must }) {
        must('os_compute_api:os-quota-sets:update', target(params.id!))
        const { force, ...asked } = body.quota_set
        const updated = await quotas.update(params.id!, userOf(query), counted(asked), {
          force: force !== undefined && boolean(force),
        })
        return { quota_set: as(quotaSet, updated) }
      },
    }),

    route('DELETE', '/os-quota-sets/:id', {
      policy: null,
      query: QuotaQuery,
      ok: 202,
      async handle({ params, query, must }) {
        must('os_compute_api:os-quota-sets:delete', target(params.id!))
        await quotas.reset(params.id!, userOf(query))
      },
    }),

    route('GET', '/os-quota-class-sets/:id', {
      policy: 'os_compute_api:os-quota-class-sets:show',
      ok: 200,
      handle: async ({ params, as }) => ({
        quota_class_set: { id: params.id, ...as(quotaClassSet, await quotas.ofClass(params.id!)) },
      }),
    }),

    route('PUT', '/os-quota-class-sets/:id', {
      policy: 'os_compute_api:os-quota-class-sets:update',
      body: ClassUpdate,
      ok: 200,
      async handle({ params, body, as }) {
        const name = params.id!
        if (name.length > 255) throw badRequest('The name of a quota class has at most 255 characters.')
        return { quota_class_set: as(quotaClassSet, await quotas.updateClass(name, counted(body.quota_class_set))) }
      },
    }),
  ])
}
