import { notFound } from '../../kernel/index.ts'
import type { Call, HttpRoute } from '../../platform/http/index.ts'
import type { Gate } from './asker.ts'

/** What is true of this API, by Neutron's alias; clients ask before they use it. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  agent: 'agent',
  'allowed-address-pairs': 'Allowed Address Pairs',
  availability_zone: 'Availability Zone',
  binding: 'Port Binding',
  'ext-gw-mode': 'Neutron L3 Configurable external gateway mode',
  'external-net': 'Neutron external network',
  extra_dhcp_opt: 'Neutron Extra DHCP options',
  extraroute: 'Neutron Extra Route',
  'fip-port-details': 'Floating IP Port Details Extension',
  'net-mtu': 'Network MTU',
  'net-mtu-writable': 'Network MTU (writable)',
  'network-ip-availability': 'Network IP Availability',
  pagination: 'Pagination support',
  'port-security': 'Port Security',
  'project-id': 'project_id field enabled',
  provider: 'Provider Network',
  quota_details: 'Quota details management support',
  quotas: 'Quota management support',
  router: 'Neutron L3 Router',
  'security-group': 'security-group',
  sorting: 'Sorting support',
  'standard-attr-description': 'standard-attr-description',
  'standard-attr-revisions': 'Resource revision numbers',
  'standard-attr-tag': 'Tag support for resources with standard attribute: network, subnet, port, router',
  'standard-attr-timestamp': 'Resource timestamps',
}
const UPDATED = '2026-01-01T00:00:00-00:00'

const extension = ([alias, name]: [string, string]) => ({ alias, name, description: name, links: [], updated: UPDATED })

const RESOURCES = {
  network: 'networks',
  subnet: 'subnets',
  port: 'ports',
  router: 'routers',
  floatingip: 'floatingips',
  'security-group': 'security-groups',
  'security-group-rule': 'security-group-rules',
  quota: 'quotas',
  extension: 'extensions',
}

/** What clients look at before, and beside, the resources themselves. */
export function versionRoutes({ authenticate, policy }: Gate): HttpRoute[] {
  const link = (call: Call, path: string) => ({ rel: 'self', href: `${call.baseUrl}${path}` })
  const get = (path: string, handle: (call: Call) => unknown, rule?: string): HttpRoute => ({
    method: 'GET',
    path,
    handle(call) {
      const ctx = authenticate(call)
      if (rule) policy.enforce(rule, ctx)
      return { status: 200, body: handle(call) }
    },
  })

  return [
    {
      method: 'GET',
      path: '/',
      handle: (call) => ({
        status: 200,
        body: { versions: [{ id: 'v2.0', status: 'CURRENT', links: [link(call, '/v2.0/')] }] },
      }),
    },
    get('/v2.0', (call) => ({
      resources: Object.entries(RESOURCES).map(([name, collection]) => ({
        name,
        collection,
        links: [link(call, `/v2.0/${collection}`)],
      })),
    })),
    get('/v2.0/extensions', () => ({ extensions: Object.entries(EXTENSIONS).map(extension) })),
    get('/v2.0/extensions/:alias', ({ params: { alias = '' } }) => {
      const name = Object.hasOwn(EXTENSIONS, alias) ? EXTENSIONS[alias] : undefined
      if (name === undefined) throw notFound(`Extension with alias ${alias} does not exist`)
      return { extension: extension([alias, name]) }
    }),
  ]
}
