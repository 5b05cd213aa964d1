import { notFound } from '../../kernel/index.ts'
import type { HttpRoute } from '../../platform/http/index.ts'
import type { Gate } from './asker.ts'

/** Collections that clients list and that are always empty in this cloud, by path, with the rule for listing each. */
const EMPTY = {
  'address-groups': ['address_groups', 'get_address_group'],
  'address-scopes': ['address_scopes', 'get_address_scope'],
  agents: ['agents', 'get_agent'],
  availability_zones: ['availability_zones', 'get_availability_zone'],
  flavors: ['flavors', 'get_flavor'],
  'metering/metering-labels': ['metering_labels', 'get_metering_label'],
  'qos/policies': ['policies', 'get_policy'],
  'rbac-policies': ['rbac_policies', 'get_rbac_policy'],
  segments: ['segments', 'get_segment'],
  'service-providers': ['service_providers', 'get_service_provider'],
  subnetpools: ['subnetpools', 'get_subnetpool'],
  trunks: ['trunks', 'get_trunk'],
} as const

export function emptyRoutes({ authenticate, policy }: Gate): HttpRoute[] {
  return Object.entries(EMPTY).flatMap(([path, [collection, rule]]): HttpRoute[] => [
    {
      method: 'GET',
      path: `/v2.0/${path}`,
      handle(call) {
        policy.enforce(rule, authenticate(call))
        return { status: 200, body: { [collection]: [] } }
      },
    },
    {
      method: 'GET',
      path: `/v2.0/${path}/:id`,
      handle(call) {
        policy.enforce(rule, authenticate(call))
        throw notFound('The resource could not be found.')
      },
    },
  ])
}
