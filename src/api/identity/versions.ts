import type { Call, HttpRoute } from '../../platform/http/index.ts'
import { openRoute } from './route.ts'

/** Discovery: which versions there are and where. Clients follow the links, which begin where they reached us. */
export function versionRoutes(): HttpRoute[] {
  return [
    openRoute('GET', '/', (call) => ({
      status: 300,
      headers: { location: v3Url(call) },
      body: { versions: { values: [version(call)] } },
    })),
    openRoute('GET', '/v3', (call) => ({ status: 200, body: { version: version(call) } })),
  ]
}

/** Of the features here: Keystone's API of the Ussuri and later releases. */
function version(call: Call) {
  return {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: v3Url(call) }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  }
}

function v3Url(call: Call): string {
  return `${call.baseUrl}/v3/`
}
