import { timingSafeEqual } from 'node:crypto'
import type { DiskFile, DiskOffer } from '../../src/contracts/index.ts'
import { sha256Of } from './checksum.ts'
import { makeCertificate } from './certificate.ts'

/** What another host may fetch, and the files behind it. */
export interface OfferInput {
  /** Where other hosts reach this one. */
  readonly address: string
  readonly disks: readonly DiskFile[]
  /** The file of that name, made where need be; null for one that is not offered. */
  readonly open: (name: string) => Promise<string | null>
  readonly now_ms: number
}

export interface Offering {
  readonly offer: DiskOffer
  close(): void
}

const SECRET_BYTES = 32
/** Files are made on request, which takes as long as a disk is large. */
const IDLE_S = 255

/**
 * Serves a guest's disks to the one host that is told the offer: over TLS with a certificate and a secret made for this
 * transfer only. `GET /<name>` gives a file, from any offset; `GET /<name>.sha256` its checksum.
 */
export function offerDisks({ address, disks, open, now_ms }: OfferInput): Offering {
  const certificate = makeCertificate(now_ms)
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(SECRET_BYTES))).toString('base64url')
  const expected = Buffer.from(`Bearer ${secret}`)

  async function answer(request: Request): Promise<Response> {
    const given = Buffer.from(request.headers.get('authorization') ?? '')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return empty(401)
    if (request.method !== 'GET') return empty(405)
    const name = new URL(request.url).pathname.slice(1)
    const ofFile = name.replace(/\.sha256$/, '')
    const path = await open(ofFile)
    if (path === null) return empty(404)
    return ofFile === name ? send(path, request.headers.get('range')) : new Response(await sha256Of(path))
  }

  const server = Bun.serve({
    hostname: address,
    port: 0,
    idleTimeout: IDLE_S,
    tls: { key: certificate.key_pem, cert: certificate.certificate_pem },
    fetch: answer,
    error: () => empty(500),
  })
  const host = address.includes(':') ? `[${address}]` : address
  return {
    offer: {
      url: `https://${host}:${server.port}`,
      secret,
      certificate_sha256: certificate.sha256,
      disks: [...disks],
    },
    close: () => void server.stop(true),
  }
}

function send(path: string, range: string | null): Response {
  const file = Bun.file(path)
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  if (from === 0) return new Response(file)
  if (from > file.size) return empty(416)
  const headers = { 'content-range': `bytes ${from}-${file.size - 1}/${file.size}` }
  return new Response(file.slice(from), { status: 206, headers })
}

const empty = (status: number): Response => new Response(null, { status })
