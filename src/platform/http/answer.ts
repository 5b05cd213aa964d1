import type { HttpCall } from './call.ts'
import type { Answer } from './http.ts'

/** Elysia and Bun would say `application/json;charset=utf-8`; clients of OpenStack compare with the plain form. */
const JSON_TYPE = 'application/json'

/** The answer on the wire: request id, the face's headers, then the answer's own, which win. */
export function responseOf(answer: Answer, call: HttpCall): Response {
  const headers: Record<string, string> = { 'x-openstack-request-id': call.requestId }
  let body: Answer['raw'] | null = answer.raw ?? null
  if (answer.raw === undefined && answer.body !== undefined) {
    body = JSON.stringify(answer.body)
    headers['content-type'] = JSON_TYPE
  }
  if (typeof body === 'string') headers['content-length'] = String(Buffer.byteLength(body))
  if (call.face.headers) Object.assign(headers, call.face.headers(call))
  if (answer.headers) Object.assign(headers, answer.headers)
  if (call.method === 'HEAD' && body instanceof ReadableStream) {
    void body.cancel().catch(() => {})
    body = null
  }
  return new Response(body, { status: answer.status, headers })
}
