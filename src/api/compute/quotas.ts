import { Type as T } from '@sinclair/typebox'
import { type Compute, QUOTA_RESOURCES, type QuotaResource, type QuotaValues } from '../../compute/index.ts'
import { closed } from './changes.ts'
import { Bool, boolean, Int, integer, Many } from './fields.ts'
import { bodyShape, queryShape, resource, route } from './route.ts'
import { limitsView, quotaSet, quotaSetDetail } from './views/limits.ts'

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

/** What projects may have and what they have of it. */
export function quotas({ quotas }: Compute) {
  const used = async (projectId: string) => {
    const [limits, used] = await Promise.all([quotas.limitsOf(projectId), quotas.usageOf(projectId)])
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
      async handle({ params, as, must }) {
        must('os_compute_api:os-quota-sets:show', target(params.id!))
        await quotas.mustExist(params.id!)
        return { quota_set: { id: params.id, ...as(quotaSet, await quotas.limitsOf(params.id!)) } }
      },
    }),

    route('GET', '/os-quota-sets/:id/detail', {
      policy: null,
      query: QuotaQuery,
      ok: 200,
      async handle({ params, as, must }) {
        must('os_compute_api:os-quota-sets:detail', target(params.id!))
        await quotas.mustExist(params.id!)
        return { quota_set: { id: params.id, ...as(quotaSetDetail, await used(params.id!)) } }
      },
    }),

    route('GET', '/os-quota-sets/:id/defaults', {
      policy: 'os_compute_api:os-quota-sets:defaults',
      ok: 200,
      async handle({ params, as }) {
        await quotas.mustExist(params.id!)
        return { quota_set: { id: params.id, ...as(quotaSet, quotas.defaults) } }
      },
    }),

    route('PUT', '/os-quota-sets/:id', {
      policy: null,
      query: QuotaQuery,
      body: QuotaUpdate,
      ok: 200,
      async handle({ params, body, as, must }) {
        must('os_compute_api:os-quota-sets:update', target(params.id!))
        const { force, ...asked } = body.quota_set
        // Limits of older versions that nothing here counts by are accepted, and change nothing.
        const limits = Object.fromEntries(
          Object.entries(asked)
            .filter(([resource]) => QUOTA_RESOURCES.includes(resource as QuotaResource))
            .map(([resource, value]) => [resource, integer(value as number | string)]),
        ) as Partial<QuotaValues>
        const updated = await quotas.update(params.id!, limits, { force: force !== undefined && boolean(force) })
        return { quota_set: as(quotaSet, updated) }
      },
    }),

    route('DELETE', '/os-quota-sets/:id', {
      policy: null,
      query: QuotaQuery,
      ok: 202,
      async handle({ params, must }) {
        must('os_compute_api:os-quota-sets:delete', target(params.id!))
        await quotas.reset(params.id!)
      },
    }),
  ])
}
