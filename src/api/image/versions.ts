import type { Answer, Call, HttpRoute } from '../../platform/http/index.ts'

/** The last one is that of hidden images and multihash; what came after concerns stores and imports. */
const VERSIONS = ['v2.9', 'v2.7', 'v2.6', 'v2.5', 'v2.4', 'v2.3', 'v2.2', 'v2.1', 'v2.0']

function versions(status: number): (call: Call) => Answer {
  return ({ baseUrl }) => ({
    status,
    body: {
      versions: VERSIONS.map((id, index) => ({
        id,
        status: index === 0 ? 'CURRENT' : 'SUPPORTED',
        links: [{ rel: 'self', href: `${baseUrl}/v2/` }],
      })),
    },
  })
}

/** Discovery, for which no token is needed. */
export const versionRoutes: readonly HttpRoute[] = [
  { method: 'GET', path: '/', handle: versions(300) },
  { method: 'GET', path: '/v2', handle: versions(300) },
  { method: 'GET', path: '/versions', handle: versions(200) },
]
