import type { Networks } from '../../network/index.ts'
import type { HttpRoute } from '../../platform/http/index.ts'
import type { Gate } from './asker.ts'
import { listQuery, select } from './query.ts'
import { networkUseView } from './views.ts'

const PATH = '/v2.0/network-ip-availabilities'

/** How full networks are. */
export function useRoutes({ authenticate, policy }: Gate, { use }: Networks): HttpRoute[] {
  return [
    {
      method: 'GET',
      path: PATH,
      async handle(call) {
        policy.enforce('get_network_ip_availability', authenticate(call))
        const { listing, fields } = listQuery(call.query)
        const version = { 4: 4, 6: 6 }[call.query.get('ip_version') ?? ''] as 4 | 6 | undefined
        const { items } = await use.list(listing)
        const views = items.map((item) => select(networkUseView(item, version ?? null), fields))
        return { status: 200, body: { network_ip_availabilities: views } }
      },
    },
    {
      method: 'GET',
      path: `${PATH}/:id`,
      async handle(call) {
        policy.enforce('get_network_ip_availability', authenticate(call))
        const view = networkUseView(await use.show(call.params.id ?? ''), null)
        return { status: 200, body: { network_ip_availability: view } }
      },
    },
  ]
}
