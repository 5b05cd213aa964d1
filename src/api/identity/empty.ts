import { notFound } from '../../kernel/index.ts'
import type { HttpRoute } from '../../platform/http/index.ts'
import { collection, whole } from './render.ts'
import type { DeclareRoute } from './route.ts'

/** Collections that clients list and that are always empty in this cloud, with the rule for listing each. */
const EMPTY = {
  groups: 'identity:list_groups',
  policies: 'identity:list_policies',
  limits: 'identity:list_limits',
  registered_limits: 'identity:list_registered_limits',
} as const

export function emptyRoutes(route: DeclareRoute): HttpRoute[] {
  const lists = Object.entries(EMPTY).map(([name, policy]) =>
    route('GET', `/v3/${name}`, {
      policy,
      ok: 200,
      handle: ({ call }) => collection(call, name, whole([]), (item) => item),
    }),
  )
  const group = route('GET', '/v3/groups/:group_id', {
    policy: 'identity:get_group',
    ok: 200,
    handle({ params }) {
      throw notFound(`Could not find group: ${params.group_id}.`)
    },
  })
  return [...lists, group]
}
