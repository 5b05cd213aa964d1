import type { Placement } from '../../compute/index.ts'
import type { HttpRoute } from '../../platform/http/index.ts'
import { invalid, parametersOf, type Parameters } from './query.ts'
import { type Asked, type Gate, readRoute } from './route.ts'

/** Since when an allocation says whose it is, how often its consumer changed, and what kind of consumer that is. */
const OWNER_FROM = 12
const GENERATION_FROM = 28
const TYPES_FROM = 38

const USAGE_PARAMETERS: Parameters = {
  project_id: { from: 9 },
  user_id: { from: 9 },
  consumer_type: { from: TYPES_FROM },
}

/** Who holds what: servers and projects. */
export function consumerRoutes(gate: Gate, placement: Placement): HttpRoute[] {
  return [
    ...readRoute(gate, {
      path: '/allocations/:consumer_uuid',
      policy: 'placement:allocations:list',
      read: (asked) => allocations(placement, asked),
    }),
    ...readRoute(gate, {
      path: '/usages',
      from: 9,
      policy: 'placement:usages',
      target: ({ call }) => ({ project_id: call.query.get('project_id') ?? '' }),
      read: (asked) => usages(placement, asked),
    }),
  ]
}

async function allocations(placement: Placement, { params, version }: Asked) {
  const held = await placement.allocationsOf(params.consumer_uuid ?? '')
  const byProvider = held.map(({ provider, provider_generation, resources }) => [
    provider,
    { generation: provider_generation, resources },
  ])
  const [first] = held
  return {
    allocations: Object.fromEntries(byProvider),
    ...(first && version >= OWNER_FROM && { project_id: first.project_id, user_id: first.user_id }),
    ...(first && version >= GENERATION_FROM && { consumer_generation: first.consumer_generation }),
    ...(first && version >= TYPES_FROM && { consumer_type: first.consumer_type }),
  }
}

async function usages(placement: Placement, { call, version }: Asked) {
  const values = parametersOf(call.query, USAGE_PARAMETERS, version)
  const [project, user, wanted] = ['project_id', 'user_id', 'consumer_type'].map((key) => values.get(key)?.[0])
  if (!project) throw invalid("'project_id' is a required property")
  const use = (await placement.use(project, user ?? null)).filter(
    ({ consumer_type }) => wanted === undefined || wanted === 'all' || wanted === consumer_type,
  )
  if (version < TYPES_FROM || wanted === 'all') {
    const total: Record<string, number> = {}
    for (const { resources } of use) {
      for (const [name, amount] of Object.entries(resources)) total[name] = (total[name] ?? 0) + amount
    }
    const consumers = use.reduce((sum, each) => sum + each.consumers, 0)
    return { usages: version < TYPES_FROM ? total : { all: { consumer_count: consumers, ...total } } }
  }
  return {
    usages: Object.fromEntries(
      use.map(({ consumer_type, consumers, resources }) => [consumer_type, { consumer_count: consumers, ...resources }]),
    ),
  }
}
