import { createHash } from 'node:crypto'
import type { ImageSource, ImageTarget } from '../../src/contracts/index.ts'
import { newId } from '../../src/kernel/index.ts'

const GRANT = 'granted'

/** An image service as a compute host sees it: one address per image; `?status=503` gives another answer. */
export interface ImageServer {
  /** Serves `bytes` from now on. `overrides` is what is claimed of them against the truth. */
  add(bytes: Uint8Array, overrides?: Partial<ImageSource>): ImageSource
  /** How often the image was asked for. */
  requests(image: ImageSource): number
  /** From now on sends half of an image's bytes and no more, until it is released. */
  hold(): void
  release(): void
  /** Where an image may be uploaded to, once. */
  target(disk_format: ImageTarget['disk_format']): ImageTarget
  /** What arrived there; null for nothing. */
  uploaded(target: ImageTarget): Uint8Array<ArrayBuffer> | null
  stop(): Promise<void>
}

export function startImageServer(): ImageServer {
  const images = new Map<string, { bytes: Uint8Array<ArrayBuffer>; requests: number }>()
  const uploads = new Map<string, Uint8Array<ArrayBuffer> | null>()
  let held: PromiseWithResolvers<void> | undefined

  async function* inHalves(bytes: Uint8Array) {
    yield bytes.slice(0, bytes.length / 2)
    await held?.promise
    yield bytes.slice(bytes.length / 2)
  }

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const url = new URL(request.url)
      const image = images.get(url.pathname)
      const status = Number(url.searchParams.get('status') ?? 200)
      if (status !== 200) return new Response('', { status, headers: { location: url.pathname } })
      if (request.headers.get('x-image-grant') !== GRANT) return new Response('', { status: 401 })
      if (request.method === 'PUT') {
        if (!uploads.has(url.pathname)) return new Response('', { status: 404 })
        uploads.set(url.pathname, new Uint8Array(await request.arrayBuffer()))
        return new Response(null, { status: 204 })
      }
      if (!image) return new Response('', { status: 404 })
      image.requests++
      return new Response(inHalves(image.bytes))
    },
  })
  return {
    add(bytes, overrides = {}) {
      const id = overrides.id ?? newId()
      images.set(`/${id}`, { bytes: new Uint8Array(bytes), requests: 0 })
      return {
        id,
        name: 'tiny',
        url: `http://127.0.0.1:${server.port}/${id}`,
        headers: { 'X-Image-Grant': GRANT },
        disk_format: 'qcow2',
        size_bytes: bytes.length,
        sha512: createHash('sha512').update(bytes).digest('hex'),
        min_disk_gb: 0,
        properties: {},
        ...overrides,
      }
    },
    requests: (image) => images.get(`/${image.id}`)?.requests ?? 0,
    hold: () => void (held ??= Promise.withResolvers()),
    release() {
      held?.resolve()
      held = undefined
    },
    target(disk_format) {
      const id = newId()
      uploads.set(`/${id}`, null)
      const url = `http://127.0.0.1:${server.port}/${id}`
      return { id, url, headers: { 'X-Image-Grant': GRANT }, disk_format }
    },
    uploaded: (target) => uploads.get(`/${target.id}`) ?? null,
    stop: () => server.stop(true),
  }
}
