import type { Provider } from '../../compute/index.ts'
import type { Version } from './version.ts'

/** What else can be read of a provider, and since when an answer says where. */
const LINKS = { inventories: 0, usages: 0, aggregates: 1, traits: 6, allocations: 11 } as const
/** From here on a provider says which tree it is in; here each is its own. */
const TREES_FROM = 14

export function providerView({ uuid, name, generation }: Provider, version: Version) {
  const self = `/resource_providers/${uuid}`
  const others = Object.entries(LINKS).filter(([, from]) => version >= from)
  return {
    uuid,
    name,
    generation,
    ...(version >= TREES_FROM && { root_provider_uuid: uuid, parent_provider_uuid: null }),
    links: [{ rel: 'self', href: self }, ...others.map(([rel]) => ({ rel, href: `${self}/${rel}` }))],
  }
}

export function inventoriesView({ inventories }: Provider) {
  return Object.fromEntries(
    [...inventories].map(([name, { used: _used, capacity: _capacity, ...inventory }]) => [name, inventory]),
  )
}

export const usagesView = ({ inventories }: Provider) =>
  Object.fromEntries([...inventories].map(([name, { used }]) => [name, used]))
