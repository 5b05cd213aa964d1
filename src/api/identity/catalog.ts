import type { CatalogEntry, Identity } from '../../identity/index.ts'
import { forbidden, notFound } from '../../kernel/index.ts'
import type { Call, HttpRoute } from '../../platform/http/index.ts'
import { collection, self, whole } from './render.ts'
import type { DeclareRoute } from './route.ts'

/** Where the identity API stands on the port that all APIs share. */
export const PREFIX = '/identity'

/** Under what the client reached this port: the catalog's URLs begin with it. */
export function catalogBase(call: Call): string {
  return call.baseUrl.endsWith(PREFIX) ? call.baseUrl.slice(0, -PREFIX.length) : call.baseUrl
}

export function catalogView({ id, type, name, endpoints }: CatalogEntry) {
  return {
    id,
    type,
    name,
    endpoints: endpoints.map(({ id, interface: face, region, url }) => ({
      id,
      interface: face,
      region,
      region_id: region,
      url,
    })),
  }
}

/** The catalog, whole and by its parts. It is derived from the configuration, so it is read only. */
export function catalogRoutes(identity: Identity, route: DeclareRoute): HttpRoute[] {
  const { catalog } = identity
  const services = (call: Call) => catalog.entries(catalogBase(call))
  const endpoints = (call: Call) => services(call).flatMap((service) => service.endpoints)
  type Listed = ReturnType<typeof endpoints>[number]

  const serviceView = (call: Call) => (entry: CatalogEntry) => ({
    id: entry.id,
    type: entry.type,
    name: entry.name,
    enabled: true,
    links: self(call, 'services', entry.id),
  })
  const endpointView = (call: Call) => (endpoint: Listed) => ({
    ...endpoint,
    region_id: endpoint.region,
    enabled: true,
    links: self(call, 'endpoints', endpoint.id),
  })
  const regionView = (call: Call) => (id: string) => ({
    id,
    description: '',
    parent_region_id: null,
    links: self(call, 'regions', id),
  })

  return [
    route('GET', '/v3/auth/catalog', {
      policy: null,
      ok: 200,
      handle({ call, token: { scope } }) {
        if (scope.kind === 'unscoped') throw forbidden('The catalog is shown to tokens with a scope only.')
        const projectId = scope.kind === 'project' ? scope.project.id : undefined
        const entries = catalog.entries(catalogBase(call), projectId)
        return collection(call, 'catalog', whole(entries), catalogView)
      },
    }),
    route('GET', '/v3/services', {
      policy: 'identity:list_services',
      ok: 200,
      handle: ({ call }) =>
        collection(call, 'services', whole(filtered(services(call), call, ['type', 'name'])), serviceView(call)),
    }),
    route('GET', '/v3/services/:service_id', {
      policy: 'identity:get_service',
      ok: 200,
      handle: ({ call, params: { service_id } }) => ({
        service: serviceView(call)(found(services(call), service_id, 'service')),
      }),
    }),
    route('GET', '/v3/endpoints', {
      policy: 'identity:list_endpoints',
      ok: 200,
      handle({ call }) {
        const regions = call.query.get('region_id') ?? catalog.region
        const list = regions === catalog.region ? filtered(endpoints(call), call, ['service_id', 'interface']) : []
        return collection(call, 'endpoints', whole(list), endpointView(call))
      },
    }),
    route('GET', '/v3/endpoints/:endpoint_id', {
      policy: 'identity:get_endpoint',
      ok: 200,
      handle: ({ call, params: { endpoint_id } }) => ({
        endpoint: endpointView(call)(found(endpoints(call), endpoint_id, 'endpoint')),
      }),
    }),
    route('GET', '/v3/regions', {
      policy: 'identity:list_regions',
      ok: 200,
      handle({ call }) {
        const top = (call.query.get('parent_region_id') ?? '') === ''
        return collection(call, 'regions', whole(top ? [catalog.region] : []), regionView(call))
      },
    }),
    route('GET', '/v3/regions/:region_id', {
      policy: 'identity:get_region',
      ok: 200,
      handle({ call, params: { region_id } }) {
        if (region_id !== catalog.region) throw notFound(`Could not find region: ${region_id}.`)
        return { region: regionView(call)(region_id) }
      },
    }),
  ]
}

/** Those whose fields equal what the query asks of them. */
function filtered<T extends object, K extends keyof T & string>(items: readonly T[], call: Call, fields: K[]): T[] {
  return items.filter((item) => fields.every((field) => (call.query.get(field) ?? item[field]) === item[field]))
}

function found<T extends { id: string }>(items: readonly T[], id: string, what: string): T {
  const item = items.find((each) => each.id === id)
  if (!item) throw notFound(`Could not find ${what}: ${id}.`)
  return item
}
