import { badRequest } from '../../../kernel/index.ts'
import type { Answer, Call, Face } from '../../../platform/http/index.ts'
import type { Resource } from '../route.ts'
import { MAX_VERSION, MIN_VERSION, type Version, versionText } from '../version.ts'
import { type OpenApi, openApi } from './document.ts'
import { renderPage } from './page.ts'

/** Texts kept; each is some hundred kilobytes, and nearly everybody reads the newest. */
const KEPT_TEXTS = 8

/** Nothing is loaded from anywhere: the page brings its own style, and has no script. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/**
 * `/openapi.json` and `/docs`: the compute API described by the rows that serve it, at the newest microversion or at
 * `?version=2.60`. No token is asked for: it says what everybody may read in Nova's documentation.
 */
export function describe(resources: readonly Resource[]): Face[] {
  const kept = new Map<string, string>()

  function textFor(call: Call, kind: string, render: (document: OpenApi) => string): string {
    const v = versionOf(call)
    const key = `${kind} ${v}`
    let text = kept.get(key)
    if (text === undefined) {
      text = render(openApi(resources, v))
      if (kept.size >= KEPT_TEXTS) kept.delete(kept.keys().next().value!)
      kept.set(key, text)
    }
    return text
  }

  const json = (call: Call): Answer => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    raw: textFor(call, 'json', (document) => JSON.stringify(document)),
  })
  const page = (call: Call): Answer => ({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY },
    raw: textFor(call, 'page', renderPage),
  })
  return [faceOf('/openapi.json', json), faceOf('/docs', page)]
}

const faceOf = (prefix: string, handle: (call: Call) => Answer): Face => ({
  name: 'nova-api',
  prefix,
  routes: [{ method: 'GET', path: '/', handle }],
  fault: ({ kind, message }) => ({
    status: { bad_request: 400, method_not_allowed: 405, internal: 500 }[kind as string] ?? 404,
    body: { message: kind === 'internal' ? 'An unexpected error.' : message },
  }),
})

function versionOf({ query }: Call): Version {
  const text = query.get('version')
  if (text === null || text === 'latest') return MAX_VERSION
  const minor = /^2\.([1-9]\d{0,2})$/.exec(text)?.[1]
  if (minor === undefined || Number(minor) > MAX_VERSION) {
    throw badRequest(`A version is one of ${versionText(MIN_VERSION)} to ${versionText(MAX_VERSION)}.`)
  }
  return Number(minor)
}
