import { createHash } from 'node:crypto'

/** A service as the cloud's configuration declares it. */
export interface CatalogService {
  /** What clients look for: `compute`, `identity`, `image`, `network`, `placement`. */
  readonly type: string
  readonly name: string
  /**
   * Where it answers: a path of this process (`/compute/v2.1`) or the whole URL of a service elsewhere.
   * `%(project_id)s` stands for the project of the token.
   */
  readonly url: string
}

export interface CatalogEntry extends CatalogService {
  readonly id: string
  readonly endpoints: readonly Endpoint[]
}

export interface Endpoint {
  readonly id: string
  readonly service_id: string
  readonly interface: 'public' | 'internal' | 'admin'
  readonly region: string
  readonly url: string
}

export interface Catalog {
  readonly region: string
  /**
   * All services, ordered by type.
   * @param baseUrl scheme, host and port under which the client reached us
   */
  entries(baseUrl: string, projectId?: string): CatalogEntry[]
}

export const BUILT_IN_SERVICES: readonly CatalogService[] = [
  { type: 'compute', name: 'nova', url: '/compute/v2.1' },
  { type: 'identity', name: 'keystone', url: '/identity' },
  { type: 'image', name: 'glance', url: '/image' },
  { type: 'network', name: 'neutron', url: '/network' },
  { type: 'placement', name: 'placement', url: '/placement' },
]

const INTERFACES = ['public', 'internal', 'admin'] as const

export function createCatalog(region: string, services: readonly CatalogService[]): Catalog {
  const declared = [...services]
    .sort((a, b) => (a.type < b.type ? -1 : 1))
    .map((service) => ({ ...service, id: derivedId('service', region, service.type) }))

  return {
    region,
    entries: (baseUrl, projectId = '') =>
      declared.map((service) => {
        const url = absolute(service.url, baseUrl).replaceAll('%(project_id)s', projectId)
        const endpoints = INTERFACES.map((name) => ({
          id: derivedId('endpoint', region, service.type, name),
          service_id: service.id,
          interface: name,
          region,
          url,
        }))
        return { ...service, url, endpoints }
      }),
  }
}

/** The same id on every process and after every restart, without a table. */
function derivedId(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32)
}

function absolute(url: string, baseUrl: string): string {
  return url.startsWith('/') ? baseUrl + url : url
}
