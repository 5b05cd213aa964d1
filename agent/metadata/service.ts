import type { Clock } from '../../src/kernel/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { linkLocal } from '../network/addresses.ts'
import type { Domain } from '../network/layout.ts'
import { inNamespace, namespacePath } from '../network/namespace.ts'
import type { NetworkServices } from '../network/network.ts'
import type { DocumentOptions } from './documents.ts'
import type { KnownGuests } from './guests.ts'
import { isPassword, lookUp, segmentsOf } from './tree.ts'

export interface MetadataServiceOptions {
  readonly guests: KnownGuests
  readonly documents: Omit<DocumentOptions, 'public_ipv4'>
  readonly clock: Clock
  readonly log: Logger
}

/** A guest as the network knows it: by the address that only its port can send from. */
interface Requester {
  readonly server_id: string
  readonly public_ipv4: string | undefined
}

const PORT = 80
const MAX_PASSWORD_BYTES = 1020
/** A guest that boots asks for some dozens of paths. */
const BURST = 200
const PER_SECOND = 20
const NOVAS_WORDS = 'An unknown error has occurred. Please try your request again.'

/**
 * The metadata service, in each namespace that has guests: `http://169.254.169.254` and `http://[fe80::a9fe:a9fe%25eth0]`.
 * Who asks is known by the address that the request comes from, which the rules on its port hold it to; no header says
 * anything about it.
 */
export function createMetadataService(options: MetadataServiceOptions): NetworkServices & { close(): Promise<void> } {
  const { guests, documents, clock, log } = options
  const servers = new Map<string, { namespace: string; requesters: ReadonlyMap<string, Requester>; server: Bun.Server<undefined> }>()
  const allow = rateLimit(clock)

  async function answer(request: Request, requester: Requester | undefined): Promise<Response> {
    if (!requester) return plain(404, 'Not Found')
    if (!allow(requester.server_id)) return plain(429, 'Too Many Requests')
    const path = segmentsOf(new URL(request.url).pathname)
    try {
      if (isPassword(path) && request.method === 'POST') return await takePassword(request, requester.server_id)
      if (request.method !== 'GET' && request.method !== 'HEAD') return plain(isPassword(path) ? 400 : 405, 'Method Not Allowed')
      const guest = await guests.find(requester.server_id)
      const { public_ipv4 } = requester
      const found = guest && lookUp(guest.instance, guest.password, path, { ...documents, ...(public_ipv4 ? { public_ipv4 } : {}) })
      if (!found) return plain(404, 'Not Found')
      return new Response(found.body, { headers: { 'content-type': found.type } })
    } catch (err) {
      log.error({ err, instance: requester.server_id }, 'a metadata request failed')
      return plain(500, NOVAS_WORDS)
    }
  }

  /** Once in the life of a guest, as in Nova. */
  async function takePassword(request: Request, serverId: string): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer())
    if (body.length === 0 || body.length > MAX_PASSWORD_BYTES) return plain(400, 'The password is too long.')
    const password = new TextDecoder().decode(body)
    const counts = await guests.setPassword(serverId, password)
    if (counts === null) return plain(500, NOVAS_WORDS)
    return counts === password ? plain(200, '') : plain(409, 'The password is set already.')
  }

  function listen(domain: Domain): Bun.Server<undefined> {
    const requesterOf = (address: string | undefined): Requester | undefined =>
      servers.get(domain.id)?.requesters.get(address?.replace(/^::ffff:/, '') ?? '')
    const at = (hostname: string): Bun.Server<undefined> =>
      Bun.serve({
        hostname,
        port: PORT,
        maxRequestBodySize: 2 * MAX_PASSWORD_BYTES,
        idleTimeout: 30,
        fetch: (request, server) => answer(request, requesterOf(server.requestIP(request)?.address)),
        error: () => plain(500, NOVAS_WORDS),
      })
    // On a machine without IPv6 there is only the other.
    return inNamespace(namespacePath(domain.namespace), () => {
      try {
        return at('::')
      } catch {
        return at('0.0.0.0')
      }
    })
  }

  async function end(id: string): Promise<void> {
    const served = servers.get(id)
    servers.delete(id)
    await served?.server.stop(true)
  }

  return {
    serve(domain) {
      const requesters = requestersOf(domain)
      const served = servers.get(domain.id)
      if (served) servers.set(domain.id, { ...served, requesters })
      else {
        servers.set(domain.id, { namespace: domain.namespace, requesters, server: listen(domain) })
        log.debug({ network: domain.id }, 'the metadata service is there')
      }
    },
    retain(ids) {
      for (const id of servers.keys()) if (!ids.has(id)) void end(id)
    },
    async close() {
      await Promise.all([...servers.keys()].map(end))
    },
  }
}

/** Addresses that two ports have, as link-local ones may on networks that a router joins, are nobody's. */
function requestersOf({ segments }: Domain): ReadonlyMap<string, Requester> {
  const found = new Map<string, Requester>()
  const twice = new Set<string>()
  for (const port of segments.flatMap(({ ports }) => ports)) {
    if (port.server_id === null) continue
    const requester: Requester = { server_id: port.server_id, public_ipv4: port.floating_ips[0]?.floating_ip }
    for (const address of [...port.fixed_ips.map(({ ip_address }) => ip_address), linkLocal(port.mac_address)]) {
      if (found.has(address)) twice.add(address)
      found.set(address, requester)
    }
  }
  for (const address of twice) found.delete(address)
  return found
}

/** A bucket for each guest: so many at once, and then so many a second. */
function rateLimit(clock: Clock): (serverId: string) => boolean {
  const buckets = new Map<string, { left: number; at: number }>()
  return (serverId) => {
    const now = clock.now()
    const bucket = buckets.get(serverId) ?? { left: BURST, at: now }
    const left = Math.min(BURST, bucket.left + ((now - bucket.at) / 1000) * PER_SECOND)
    // Those that are full again say nothing.
    for (const [id, { at }] of buckets) {
      if (now - at < (BURST / PER_SECOND) * 1000) break
      buckets.delete(id)
    }
    buckets.delete(serverId)
    buckets.set(serverId, { left: Math.max(0, left - 1), at: now })
    return left >= 1
  }
}

const plain = (status: number, text: string): Response =>
  new Response(text, { status, headers: { 'content-type': 'text/plain' } })
