import type { HttpCall } from './call.ts'

/** Paths and queries are logged only this far. */
const MAX_URL = 1024
/** A console's token opens it: whoever reads the log must not. Within a value of a query it is percent-encoded. */
const TOKEN = /(token(?:=|%3D)|\/os-console-auth-tokens\/)[^&?/]*/gi

interface PeerLookup {
  requestIP(request: Request): { address: string } | null
}

/** Nova's request line: `192.0.2.1 "GET /v2.1/servers" status: 200 len: 1583 microversion: 2.1 time: 0.0123`. */
export function accessLine(call: HttpCall, { status, headers }: Response, server: PeerLookup | null, ms: number): void {
  const { request } = call
  const peer = server?.requestIP(request)?.address ?? '-'
  const target = request.url.slice(request.url.indexOf('/', request.url.indexOf('//') + 2)).slice(0, MAX_URL).replace(TOKEN, '$1***')
  const length = headers.get('content-length') ?? '-'
  const version = headers.get('openstack-api-version')?.split(' ').pop()
  call.note(
    `${peer} "${request.method} ${target}" status: ${status} len: ${length}` +
      `${version ? ` microversion: ${version}` : ''} time: ${(ms / 1000).toFixed(4)}`,
  )
}
