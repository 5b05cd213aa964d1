import { createHash } from 'node:crypto'
import type { ImageSource } from '../../src/contracts/index.ts'
import { newId } from '../../src/kernel/index.ts'

/** An image service as a compute host sees it: one address per image. */
export interface ImageServer {
  /** Serves `bytes` from now on. `overrides` is what is claimed of them against the truth. */
  add(bytes: Uint8Array, overrides?: Partial<ImageSource>): ImageSource
  /** How often the image was asked for. */
  requests(image: ImageSource): number
  stop(): Promise<void>
}

export function startImageServer(): ImageServer {
  const images = new Map<string, { bytes: Uint8Array<ArrayBuffer>; requests: number }>()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      const image = images.get(new URL(request.url).pathname)
      if (!image) return new Response('', { status: 404 })
      image.requests++
      return new Response(image.bytes)
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
        headers: {},
        disk_format: 'qcow2',
        size_bytes: bytes.length,
        sha512: createHash('sha512').update(bytes).digest('hex'),
        min_disk_gb: 0,
        properties: {},
        ...overrides,
      }
    },
    requests: (image) => images.get(`/${image.id}`)?.requests ?? 0,
    stop: () => server.stop(true),
  }
}
