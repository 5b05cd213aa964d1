import { notFound } from '../../kernel/index.ts'
import type { Answer, Call, HttpRoute } from '../../platform/http/index.ts'
import { CURRENT, LEGACY } from './pipeline.ts'
import { MAX_VERSION, MIN_VERSION, versionText } from './version.ts'

/** The documents by which clients find out what they talk to; no token is asked for. */

interface Document {
  readonly id: string
  readonly prefix: string
  readonly facts: Readonly<Record<string, string>>
  readonly mediaType: string
}

const V2_1: Document = {
  id: 'v2.1',
  prefix: CURRENT.prefix,
  facts: {
    status: 'CURRENT',
    version: versionText(MAX_VERSION),
    min_version: versionText(MIN_VERSION),
    updated: '2013-07-23T11:33:21Z',
  },
  mediaType: 'application/vnd.openstack.compute+json;version=2.1',
}

/** Without microversions, as it was before them. */
const V2_0: Document = {
  id: 'v2.0',
  prefix: LEGACY.prefix,
  facts: { status: 'SUPPORTED', version: '', min_version: '', updated: '2011-01-21T11:33:21Z' },
  mediaType: 'application/vnd.openstack.compute+json;version=2',
}

const DOCUMENTS = [V2_0, V2_1]
const DESCRIBED_BY = { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' }

const self = (call: Call, { prefix }: Document) => ({ rel: 'self', href: `${call.baseUrl}${prefix}/` })

const list = (call: Call): Answer => ({
  status: 200,
  body: { versions: DOCUMENTS.map((each) => ({ id: each.id, ...each.facts, links: [self(call, each)] })) },
})

const one =
  (each: Document) =>
  (call: Call): Answer => ({
    status: 200,
    body: {
      version: {
        id: each.id,
        ...each.facts,
        links: [self(call, each), DESCRIBED_BY],
        'media-types': [{ base: 'application/json', type: each.mediaType }],
      },
    },
  })

function byId(call: Call): Answer {
  const found = DOCUMENTS.find(({ id }) => id === call.params.id)
  if (!found) throw notFound('The resource could not be found.')
  return one(found)(call)
}

export const versionRoutes: readonly HttpRoute[] = [
  { method: 'GET', path: '/', handle: list },
  ...[V2_1, V2_0].flatMap((each): HttpRoute[] => [
    { method: 'GET', path: each.prefix, handle: one(each) },
    { method: 'GET', path: `${each.prefix}/versions/:id`, handle: byId },
  ]),
]
