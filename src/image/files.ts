import { mkdir, open, readdir, rename, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { isUuid, Problem, unavailable } from '../kernel/index.ts'
import { assertSafe, inspectImage, UnsafeImage } from '../platform/disk-image/index.ts'
import type { StoredBytes } from './images.store.ts'

const PART = '.part'

/** The bytes of images: one file each, named by its id, complete or not there. */
export interface ImageFiles {
  /** Leaves an empty file under the temporary name: the mark by which an upload that a crash ends is found again. */
  begin(id: string): Promise<void>
  /** Takes that mark away. */
  abandon(id: string): Promise<void>
  /**
   * Takes in an image: counts, hashes and inspects it under a temporary name, and gives it its own when it is sound.
   * After a failure only the mark of `begin` is left.
   * @throws {Problem} too_large, unsupported_media_type for content that is unsafe or not `diskFormat`, unavailable
   *   when the disk is full, bad_request when the sender goes away
   */
  store(id: string, body: ReadableStream<Uint8Array>, diskFormat: string): Promise<StoredBytes>
  /** Null when there is no file. */
  open(id: string): Promise<Bun.BunFile | null>
  /** No error when there is none. */
  remove(id: string): Promise<void>
  /** Ids of all files, unfinished ones too. */
  ids(): Promise<string[]>
}

/** @throws when the directory cannot be made */
export async function openImageFiles(directory: string, maxBytes: number): Promise<ImageFiles> {
  await mkdir(directory, { recursive: true, mode: 0o750 })
  const pathOf = (id: string) => {
    // Ids come from our own table; still no text may ever become a path.
    if (!isUuid(id)) throw new Error('not an image id')
    return join(directory, id)
  }

  return {
    async begin(id) {
      await open(`${pathOf(id)}${PART}`, 'w', 0o640).then(
        (file) => file.close(),
        (error) => {
          throw problemOf(error)
        },
      )
    },
    abandon: (id) => rm(`${pathOf(id)}${PART}`, { force: true }),
    async store(id, body, diskFormat) {
      const path = pathOf(id)
      const part = `${path}${PART}`
      try {
        const received = await receive(part, body, maxBytes)
        const virtual_size_bytes = await inspect(part, diskFormat)
        await rename(part, path)
        await syncDirectory(directory)
        return { ...received, virtual_size_bytes }
      } catch (error) {
        await Promise.allSettled([truncate(part), rm(path, { force: true })])
        throw problemOf(error)
      }
    },
    async open(id) {
      const file = Bun.file(pathOf(id))
      return (await file.exists()) ? file : null
    },
    async remove(id) {
      const path = pathOf(id)
      await Promise.all([rm(path, { force: true }), rm(`${path}${PART}`, { force: true })])
    },
    async ids() {
      const names = await readdir(directory)
      return [...new Set(names.map((name) => (name.endsWith(PART) ? name.slice(0, -PART.length) : name)))].filter(
        isUuid,
      )
    },
  }
}

async function receive(path: string, body: ReadableStream<Uint8Array>, maxBytes: number) {
  const md5 = new Bun.CryptoHasher('md5')
  const sha512 = new Bun.CryptoHasher('sha512')
  const file = await open(path, 'w', 0o640)
  let size_bytes = 0
  try {
    for await (const chunk of body) {
      size_bytes += chunk.length
      if (size_bytes > maxBytes) throw new Problem('too_large', `An image has at most ${maxBytes} bytes.`)
      md5.update(chunk)
      sha512.update(chunk)
      await file.writeFile(chunk)
    }
    await file.datasync()
  } finally {
    await file.close()
  }
  return { size_bytes, md5: md5.digest('hex'), sha512: sha512.digest('hex') }
}

/** @returns the size of the disk that the image holds, bytes. */
async function inspect(path: string, diskFormat: string): Promise<number> {
  const file = await open(path, 'r')
  try {
    const facts = await inspectImage({
      size: (await stat(path)).size,
      async read(offset, length) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset)
        return buffer.subarray(0, bytesRead)
      },
    })
    assertSafe(facts, diskFormat)
    return facts.virtual_size_bytes
  } finally {
    await file.close()
  }
}

/** Makes a rename last through a power failure. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const NO_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

function problemOf(error: unknown): unknown {
  if (error instanceof Problem) return error
  if (error instanceof UnsafeImage) return new Problem('unsupported_media_type', error.message, { cause: error })
  const { code, syscall } = error as { code?: string; syscall?: string }
  if (code !== undefined && NO_SPACE.has(code)) return unavailable('There is no space left for images.', error)
  // An error of the system names its call; what remains comes from the stream, which its sender did not finish.
  if (syscall !== undefined) return unavailable('The image cannot be stored now.', error)
  return new Problem('bad_request', 'The upload ended before the image did.', { cause: error })
}
