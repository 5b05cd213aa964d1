import { Problem } from '../../kernel/index.ts'
import type { HttpRoute } from '../../platform/http/index.ts'
import { collection, whole } from './render.ts'
import type { DeclareRoute } from './route.ts'

/** Collections that clients list and that are always empty in this cloud, with the rule for listing each. */
const EMPTY = {
  policies: 'identity:list_policies',
  limits: 'identity:list_limits',
  registered_limits: 'identity:list_registered_limits',
} as const

/** What Keystone has and this identity does not, with what to use in its place. */
const NOT_OFFERED = {
  '/v3/OS-TRUST/trusts': 'Trusts are not offered here. Application credentials let programs act for a user.',
  '/v3/OS-TRUST/trusts/:id': 'Trusts are not offered here. Application credentials let programs act for a user.',
  '/v3/OS-FEDERATION/identity_providers': 'Federation is not offered here.',
} as const

export function emptyRoutes(route: DeclareRoute): HttpRoute[] {
  const refused = Object.entries(NOT_OFFERED).flatMap(([path, reason]) =>
    (['GET', 'POST', 'DELETE'] as const).map((method) =>
      route(method, path, {
        policy: null,
        ok: 200,
        handle() {
          throw new Problem('not_implemented', reason)
        },
      }),
    ),
  )
  const lists = Object.entries(EMPTY).map(([name, policy]) =>
    route('GET', `/v3/${name}`, {
      policy,
      ok: 200,
      handle: ({ call }) => collection(call, name, whole([]), (item) => item),
    }),
  )
  return [...lists, ...refused]
}
