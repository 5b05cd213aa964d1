import { DEFAULT_QUOTA, type NetworkQuota, type Networks } from '../../network/index.ts'
import { type Call, type HttpRoute, validator } from '../../platform/http/index.ts'
import type { Gate } from './asker.ts'
import { defined } from './networks.ts'
import { only } from './resource.ts'
import { QuotaUpdate } from './schemas.ts'

/** Of kinds that are not here nobody has any, so no number would bound them. */
const NOT_HERE = { rbac_policy: -1, subnetpool: -1 }

const quotaView = (quota: NetworkQuota) => ({ ...quota, ...NOT_HERE })

/** How much of the network projects may have. */
export function quotaRoutes({ authenticate, policy }: Gate, { quotas }: Networks): HttpRoute[] {
  const check = validator(QuotaUpdate, { what: 'quota' })
  const one = '/v2.0/quotas/:project_id'

  /** The project of the path, if the rule allows it. */
  function granted(call: Call, rule: string): string {
    const { project_id = '' } = call.params
    policy.enforce(rule, authenticate(call), { project_id })
    return project_id
  }
  const get = (path: string, body: (projectId: string) => Promise<unknown> | unknown): HttpRoute => ({
    method: 'GET',
    path,
    handle: async (call) => ({ status: 200, body: await body(granted(call, 'get_quota')) }),
  })

  return [
    {
      method: 'GET',
      path: '/v2.0/quotas',
      async handle(call) {
        policy.enforce('update_quota', authenticate(call))
        const all = (await quotas.list()).map(({ project_id, ...quota }) => ({
          ...quotaView(quota),
          project_id,
          tenant_id: project_id,
        }))
        return { status: 200, body: { quotas: all } }
      },
    },
    get(one, async (projectId) => ({ quota: quotaView(await quotas.of(projectId)) })),
    get(`${one}/default`, () => ({ quota: quotaView(DEFAULT_QUOTA) })),
    get(`${one}/details.json`, async (projectId) => ({ quota: await quotas.use(projectId) })),
    get(`${one}/details`, async (projectId) => ({ quota: await quotas.use(projectId) })),
    {
      method: 'PUT',
      path: one,
      async handle(call) {
        const projectId = granted(call, 'update_quota')
        const { project_id: _project, tenant_id: _tenant, ...limits } = check(only(await call.json(), 'quota'))
        return { status: 200, body: { quota: quotaView(await quotas.set(projectId, defined(limits))) } }
      },
    },
    {
      method: 'DELETE',
      path: one,
      async handle(call) {
        await quotas.reset(granted(call, 'delete_quota'))
        return { status: 204 }
      },
    },
  ]
}
