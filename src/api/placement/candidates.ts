import type { Amounts, Placement, Provider } from '../../compute/index.ts'
import type { HttpRoute } from '../../platform/http/index.ts'
import { invalid, parametersOf, type Parameters, providerQuery } from './query.ts'
import { type Asked, type Gate, readRoute } from './route.ts'
import type { Version } from './version.ts'

const PARAMETERS: Parameters = {
  resources: { from: 10 },
  limit: { from: 16 },
  required: { from: 17, repeats: true },
  member_of: { from: 21, repeats: true },
  in_tree: { from: 31 },
}
/** Most candidates of one answer, with and without a limit. */
const MAX_CANDIDATES = 1_000

/** Since when … */
const FROM = {
  /** requests are keyed by provider, */
  keyed: 12,
  /** summaries have traits, */
  traits: 17,
  /** all classes and not only those asked for, */
  allClasses: 27,
  /** and the tree; */
  trees: 29,
  /** requests say which part of the query each provider answers. */
  mappings: 34,
} as const

/** Nodes with room for a request. What a server will get the scheduler decides; this is what it chooses from. */
export function candidateRoutes(gate: Gate, placement: Placement): HttpRoute[] {
  return readRoute(gate, {
    path: '/allocation_candidates',
    from: 10,
    policy: 'placement:allocation_candidates:list',
    read: (asked) => candidates(placement, asked),
  })
}

async function candidates(placement: Placement, { call, version }: Asked) {
  const values = parametersOf(call.query, PARAMETERS, version)
  const { resources, ...query } = providerQuery(values, version)
  if (!resources) throw invalid("'resources' is a required property")
  const found = (await placement.providers({ ...query, resources })).slice(0, limitOf(values.get('limit')?.[0]))
  return {
    allocation_requests: found.map(({ uuid }) => request(uuid, resources, version)),
    provider_summaries: Object.fromEntries(found.map((each) => [each.uuid, summary(each, resources, version)])),
  }
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return MAX_CANDIDATES
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalid("'limit' must be a positive number")
  return Math.min(Number(text), MAX_CANDIDATES)
}

function request(uuid: string, resources: Amounts, version: Version) {
  if (version < FROM.keyed) return { allocations: [{ resource_provider: { uuid }, resources }] }
  return {
    allocations: { [uuid]: { resources } },
    ...(version >= FROM.mappings && { mappings: { '': [uuid] } }),
  }
}

function summary({ uuid, inventories, traits }: Provider, wanted: Amounts, version: Version) {
  const shown = [...inventories].filter(([name]) => version >= FROM.allClasses || Object.hasOwn(wanted, name))
  return {
    resources: Object.fromEntries(shown.map(([name, { capacity, used }]) => [name, { capacity, used }])),
    ...(version >= FROM.traits && { traits }),
    ...(version >= FROM.trees && { root_provider_uuid: uuid, parent_provider_uuid: null }),
  }
}
