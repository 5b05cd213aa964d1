import { open, stat } from 'node:fs/promises'
import type { ImageTarget } from '../../src/contracts/index.ts'
import { DriverError } from '../drivers/driver.ts'

const CHUNK_BYTES = 1024 ** 2
/** A large image over a slow link; the command's own deadline is usually earlier. */
const DEADLINE_MS = 3_600_000

/**
 * Sends a file's bytes to the image service.
 * @param onProgress told the percent that have been sent, whenever it changes.
 * @throws {DriverError} `unavailable` when the image service or the connection to it fails.
 */
export async function uploadImage(
  path: string,
  target: ImageTarget,
  onProgress: (percent: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { size } = await stat(path)
  try {
    const answer = await fetch(target.url, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', ...target.headers },
      body: bytesOf(path, size, onProgress),
      // A redirect would let the image service have a guest's disk sent anywhere.
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    })
    await answer.body?.cancel()
    if (!answer.ok) throw new Error(`HTTP status ${answer.status}`)
  } catch (cause) {
    signal.throwIfAborted()
    throw new DriverError('The image could not be uploaded to the image service.', { kind: 'unavailable', cause })
  }
}

function bytesOf(path: string, size: number, onProgress: (percent: number) => void): ReadableStream<Uint8Array> | null {
  let told = -1
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const file = await open(path, 'r')
    try {
      for (let at = 0; at < size; ) {
        const { buffer, bytesRead } = await file.read(new Uint8Array(CHUNK_BYTES), 0, CHUNK_BYTES, at)
        if (bytesRead === 0) throw new Error('the image became shorter while it was sent')
        yield buffer.subarray(0, bytesRead)
        at += bytesRead
        const percent = Math.floor((at / size) * 100)
        if (percent !== told) onProgress((told = percent))
      }
    } finally {
      await file.close()
    }
  }
  return new Response(chunks()).body
}
