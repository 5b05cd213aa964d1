import type { Placement, Provider } from '../../compute/index.ts'
import { notFound } from '../../kernel/index.ts'
import type { HttpRoute } from '../../platform/http/index.ts'
import { parametersOf, PROVIDER_PARAMETERS, providerQuery } from './query.ts'
import { type Asked, type Gate, readRoute } from './route.ts'
import { inventoriesView, providerView, usagesView } from './views.ts'

const BASE = '/resource_providers'
/** Since when a list of aggregates comes with the generation. */
const AGGREGATE_GENERATION_FROM = 19

/** Compute nodes, with what they have, what of it is taken, and by whom. */
export function providerRoutes(gate: Gate, placement: Placement): HttpRoute[] {
  const one = `${BASE}/:uuid`
  const find = ({ params }: Asked): Promise<Provider> => placement.provider(params.uuid ?? '')
  const generation = (provider: Provider) => ({ resource_provider_generation: provider.generation })

  return [
    ...readRoute(gate, {
      path: BASE,
      policy: 'placement:resource_providers:list',
      async read({ call, version }) {
        const query = providerQuery(parametersOf(call.query, PROVIDER_PARAMETERS, version), version)
        const providers = await placement.providers(query)
        return { resource_providers: providers.map((provider) => providerView(provider, version)) }
      },
    }),
    ...readRoute(gate, {
      path: one,
      policy: 'placement:resource_providers:show',
      read: async (asked) => providerView(await find(asked), asked.version),
    }),
    ...readRoute(gate, {
      path: `${one}/inventories`,
      policy: 'placement:resource_providers:inventories:list',
      async read(asked) {
        const provider = await find(asked)
        return { ...generation(provider), inventories: inventoriesView(provider) }
      },
    }),
    ...readRoute(gate, {
      path: `${one}/inventories/:resource_class`,
      policy: 'placement:resource_providers:inventories:show',
      async read(asked) {
        const provider = await find(asked)
        const name = asked.params.resource_class ?? ''
        const inventories: Readonly<Record<string, object>> = inventoriesView(provider)
        if (!Object.hasOwn(inventories, name)) {
          throw notFound(`No inventory of class ${name.slice(0, 64)} for ${provider.uuid}`)
        }
        return { ...generation(provider), ...inventories[name] }
      },
    }),
    ...readRoute(gate, {
      path: `${one}/usages`,
      policy: 'placement:resource_providers:usages',
      async read(asked) {
        const provider = await find(asked)
        return { ...generation(provider), usages: usagesView(provider) }
      },
    }),
    ...readRoute(gate, {
      path: `${one}/aggregates`,
      from: 1,
      policy: 'placement:resource_providers:aggregates:list',
      async read(asked) {
        const provider = await find(asked)
        const since = asked.version >= AGGREGATE_GENERATION_FROM
        return { aggregates: provider.aggregates, ...(since && generation(provider)) }
      },
    }),
    ...readRoute(gate, {
      path: `${one}/traits`,
      from: 6,
      policy: 'placement:resource_providers:traits:list',
      async read(asked) {
        const provider = await find(asked)
        return { ...generation(provider), traits: provider.traits }
      },
    }),
    ...readRoute(gate, {
      path: `${one}/allocations`,
      policy: 'placement:resource_providers:allocations:list',
      async read(asked) {
        const provider = await find(asked)
        const held = await placement.allocationsOn(provider.uuid)
        const allocations = held.map(({ consumer, consumer_generation, resources }) => [
          consumer,
          { resources, ...(asked.version >= 28 && { consumer_generation }) },
        ])
        return { ...generation(provider), allocations: Object.fromEntries(allocations) }
      },
    }),
  ]
}
