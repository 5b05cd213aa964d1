import type { Answer, Call, HttpRoute } from '../../platform/http/index.ts'
import { MOUNT } from './pipeline.ts'
import { MAX_VERSION, MIN_VERSION, versionText } from './version.ts'

/**
 * The documents by which clients find out what they talk to; no token is asked for. Only 2.1 is in the list: the version
 * before it differs in being less strict, and is not offered here.
 */
function document(call: Call): Record<string, unknown> {
  return {
    id: 'v2.1',
    status: 'CURRENT',
    version: versionText(MAX_VERSION),
    min_version: versionText(MIN_VERSION),
    updated: '2013-07-23T11:33:21Z',
    links: [{ rel: 'self', href: `${call.baseUrl}${MOUNT}/` }],
  }
}

const MEDIA_TYPES = [
  { base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' },
]
const DESCRIBED_BY = { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' }

const list = (call: Call): Answer => ({ status: 200, body: { versions: [document(call)] } })

function one(call: Call): Answer {
  const version = document(call)
  const links = [...(version.links as unknown[]), DESCRIBED_BY]
  return { status: 200, body: { version: { ...version, links, 'media-types': MEDIA_TYPES } } }
}

export const versionRoutes: readonly HttpRoute[] = [
  { method: 'GET', path: '/', handle: list },
  { method: 'GET', path: MOUNT, handle: one },
  { method: 'GET', path: `${MOUNT}/versions/v2.1`, handle: one },
]
