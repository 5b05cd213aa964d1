import type { Problem } from '../../kernel/index.ts'
import { type Answer, type Call, STATUS } from '../../platform/http/index.ts'

/** Glance's errors are pages of HTML for whoever does not ask for JSON; clients take the text out of either. */
export function fault(problem: Problem, call: Call): Answer {
  // Glance answers a quota that is used up as it does a body that is too large.
  const [code, title] = STATUS[problem.kind === 'over_quota' ? 'too_large' : problem.kind]
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
