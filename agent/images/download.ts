import { type FileHandle, open } from 'node:fs/promises'
import type { ImageSource } from '../../src/contracts/index.ts'
import { DriverError } from '../drivers/driver.ts'
import { writeAll } from './write-all.ts'

const DEADLINE_MS = 1_800_000
/** A transfer from which nothing has come for this long is given up. */
const STALL_MS = 30_000

/**
 * Fetches an image's bytes into a new file and makes sure that they are the ones that were announced.
 *
 * @throws {DriverError} `bad_image` when they are not, or when there is no such image any more; `unavailable` when the
 * image service or the connection to it fails. What was written so far is left to the caller.
 */
export async function downloadImage(image: ImageSource, path: string, signal: AbortSignal): Promise<void> {
  const stalled = new AbortController()
  const ended = AbortSignal.any([signal, stalled.signal, AbortSignal.timeout(DEADLINE_MS)])
  let timer = setTimeout(() => stalled.abort(), STALL_MS)
  const file = await open(path, 'wx', 0o600)
  try {
    const body = await request(image, ended)
    await store(body, file, image, () => {
      clearTimeout(timer)
      timer = setTimeout(() => stalled.abort(), STALL_MS)
    })
  } catch (error) {
    signal.throwIfAborted()
    throw isFileError(error) || error instanceof DriverError ? error : interrupted(error)
  } finally {
    clearTimeout(timer)
    await file.close()
  }
}

async function request(image: ImageSource, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  if (!/^https?:$/.test(URL.parse(image.url)?.protocol ?? '')) throw interrupted(new TypeError('not an HTTP address'))
  // A redirect would let the image service send this host anywhere.
  const response = await fetch(image.url, { headers: image.headers, redirect: 'error', signal })
  if (response.status === 404 || response.status === 410) {
    throw new DriverError('The image does not exist any more.', { kind: 'bad_image' })
  }
  if (response.status !== 200 || !response.body) throw interrupted(new Error(`HTTP status ${response.status}`))
  return response.body
}

async function store(
  body: ReadableStream<Uint8Array>,
  file: FileHandle,
  image: ImageSource,
  progress: () => void,
): Promise<void> {
  const sha512 = new Bun.CryptoHasher('sha512')
  let size = 0
  for await (const chunk of body) {
    progress()
    if (size + chunk.length > image.size_bytes) throw corrupt(`more than ${image.size_bytes} bytes`)
    sha512.update(chunk)
    await writeAll(file, chunk, size)
    size += chunk.length
  }
  if (size < image.size_bytes) throw interrupted(new Error(`${size} of ${image.size_bytes} bytes`))
  const digest = sha512.digest('hex')
  if (digest !== image.sha512) throw corrupt(`sha512 is ${digest}`)
}

const interrupted = (cause: unknown): DriverError =>
  new DriverError('The image could not be fetched from the image service.', { kind: 'unavailable', cause })

const corrupt = (what: string): DriverError =>
  new DriverError('The image is corrupt: its data does not match its checksum.', {
    kind: 'bad_image',
    cause: new Error(what),
  })

const FILE_ERRORS = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EFBIG']
const isFileError = (error: unknown): boolean =>
  error instanceof Error && FILE_ERRORS.includes((error as { code?: string }).code ?? '')
