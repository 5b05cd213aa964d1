import type { Problem, ProblemKind } from '../../kernel/index.ts'
import type { Answer, Call } from '../../platform/http/index.ts'

const STATUS: Readonly<Record<ProblemKind, readonly [status: number, title: string]>> = {
  bad_request: [400, 'Bad Request'],
  unauthorized: [401, 'Unauthorized'],
  forbidden: [403, 'Forbidden'],
  over_quota: [413, 'Request Entity Too Large'],
  not_found: [404, 'Not Found'],
  method_not_allowed: [405, 'Method Not Allowed'],
  not_acceptable: [406, 'Not Acceptable'],
  conflict: [409, 'Conflict'],
  gone: [410, 'Gone'],
  too_large: [413, 'Request Entity Too Large'],
  unsupported_media_type: [415, 'Unsupported Media Type'],
  not_implemented: [501, 'Not Implemented'],
  unavailable: [503, 'Service Unavailable'],
  no_valid_host: [500, 'Internal Server Error'],
  internal: [500, 'Internal Server Error'],
}

/** Glance's errors are pages of HTML for whoever does not ask for JSON; clients take the text out of either. */
export function fault(problem: Problem, call: Call): Answer {
  const [code, title] = STATUS[problem.kind]
  const status = `${code} ${title}`
  const headers: Record<string, string> = {}
  if (code === 401) headers['www-authenticate'] = `Keystone uri="${call.baseUrl.replace(/\/image$/, '/identity')}"`
  if (problem.kind === 'unsupported_media_type' && call.method === 'PATCH') headers['accept-patch'] = PATCH_TYPE
  if (prefersJson(call)) {
    return { status: code, headers, body: { message: problem.message, code: status, title } }
  }
  const page =
    `<html>\n <head>\n  <title>${status}</title>\n </head>\n <body>\n  <h1>${status}</h1>\n` +
    `  ${escapeHtml(problem.message)}<br /><br />\n\n\n\n </body>\n</html>`
  return { status: code, raw: page, headers: { ...headers, 'content-type': 'text/html; charset=UTF-8' } }
}

export const PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'

function prefersJson(call: Call): boolean {
  const accept = call.request.headers.get('accept') ?? ''
  return accept.includes('json') && !accept.includes('html')
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
