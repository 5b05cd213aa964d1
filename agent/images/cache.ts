import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSource } from '../../src/contracts/index.ts'
import { assertSafe, inspectImage, UnsafeImage } from '../../src/platform/disk-image/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { DriverError } from '../drivers/driver.ts'
import { downloadImage } from './download.ts'
import { convertToRaw, QemuImgError } from './qemu-img.ts'

/** An image on this host, ready to be the raw backing file of guests' disks. */
export interface BaseImage {
  readonly path: string
  readonly virtual_size_bytes: number
}

export interface ImageCache {
  /** Makes the directory, and removes what a crash of this host's agent has left half done in it. */
  open(): Promise<void>
  /**
   * The image as a raw file under Nova's name, fetched, verified and converted where it is not there yet. Builds that
   * ask at the same time wait for one download.
   *
   * @param largest_bytes what the flavor's root disk holds; an image that is larger is refused.
   * @throws {DriverError} `bad_image` for an image that can never be used, `unavailable` where another try may help.
   */
  base(image: ImageSource, largest_bytes: number, signal: AbortSignal): Promise<BaseImage>
}

/** One download that is under way, for all builds that wait for it. */
interface Flight {
  readonly done: Promise<void>
  readonly stop: AbortController
  /** What the largest flavor among them holds. */
  largest_bytes: number
  waiting: number
}

/** `instances/_base`: a file per image, named by the SHA-1 of its id. */
export function createImageCache(options: { directory: string; host: string; log: Logger }): ImageCache {
  const { directory, log } = options
  const flights = new Map<string, Flight>()
  // The directory may be shared by several hosts: each removes its own unfinished files only.
  const unfinished = `.${sha1(options.host).slice(0, 8)}.part`

  async function share(image: ImageSource, largest_bytes: number, signal: AbortSignal): Promise<void> {
    const flight = flights.get(image.id) ?? takeOff(image, largest_bytes)
    flight.largest_bytes = Math.max(flight.largest_bytes, largest_bytes)
    flight.waiting++
    try {
      await orAborted(flight.done, signal)
    } finally {
      if (--flight.waiting === 0) land(image, flight)
    }
  }

  function takeOff(image: ImageSource, largest_bytes: number): Flight {
    const stop = new AbortController()
    const flight: Flight = { done: Promise.resolve(), stop, largest_bytes, waiting: 0 }
    const admit = (size: number): void => {
      if (size <= flight.largest_bytes) return
      // From here on it is lost: a build with a larger flavor that comes now starts anew.
      land(image, flight)
      refuse(size, flight.largest_bytes)
    }
    const done = makeBase(image, admit, stop.signal)
    done.catch(() => {})
    flights.set(image.id, Object.assign(flight, { done }))
    return flight
  }

  function land(image: ImageSource, flight: Flight): void {
    flight.stop.abort()
    if (flights.get(image.id) === flight) flights.delete(image.id)
  }

  async function makeBase(image: ImageSource, admit: (size: number) => void, signal: AbortSignal): Promise<void> {
    const part = (what: string): string => `${pathOf(image)}.${randomUUID()}.${what}${unfinished}`
    const downloaded = part('download')
    const converted = part('raw')
    const started = performance.now()
    try {
      await requireSpace(directory, image.size_bytes * (image.disk_format === 'raw' ? 1 : 2))
      await downloadImage(image, downloaded, signal)
      admit(await inspect(downloaded, image))
      const raw = image.disk_format === 'raw' ? downloaded : converted
      if (raw === converted) await convert(downloaded, converted, signal)
      await publish(raw, pathOf(image))
      log.info({ image: image.id, ms: Math.round(performance.now() - started) }, 'cached an image')
    } catch (error) {
      throw isFull(error) ? noSpace(error) : error
    } finally {
      await Promise.all([downloaded, converted].map((path) => rm(path, { force: true })))
    }
  }

  const pathOf = (image: ImageSource): string => join(directory, sha1(image.id))

  return {
    async open() {
      await mkdir(directory, { recursive: true, mode: 0o755 })
      for (const name of await readdir(directory)) {
        if (name.endsWith(unfinished)) await rm(join(directory, name), { force: true })
      }
    },

    async base(image, largest_bytes, signal) {
      const path = pathOf(image)
      const cached = await sizeOf(path)
      if (cached === null) await share(image, largest_bytes, signal)
      const virtual_size_bytes = cached ?? (await stat(path)).size
      if (virtual_size_bytes > largest_bytes) refuse(virtual_size_bytes, largest_bytes)
      return { path, virtual_size_bytes }
    },
  }
}

/** What the bytes themselves say, whatever the image was declared to be. @returns its virtual size. */
async function inspect(path: string, image: ImageSource): Promise<number> {
  const file = await open(path, 'r')
  try {
    const facts = await inspectImage({
      size: (await file.stat()).size,
      async read(offset, length) {
        const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset)
        return buffer.subarray(0, bytesRead)
      },
    })
    assertSafe(facts, image.disk_format)
    return facts.virtual_size_bytes
  } catch (error) {
    if (!(error instanceof UnsafeImage)) throw error
    throw new DriverError(error.message, { kind: 'bad_image', cause: error })
  } finally {
    await file.close()
  }
}

async function convert(source: string, target: string, signal: AbortSignal): Promise<void> {
  try {
    await convertToRaw(source, target, signal)
  } catch (error) {
    if (!(error instanceof QemuImgError)) throw error
    if (/No space left on device|Disk quota exceeded/.test(error.message)) throw noSpace(error)
    throw new DriverError('The image is not a valid qcow2 file.', { kind: 'bad_image', cause: error })
  }
}

/** Gives a finished file its name. It is on disk before, so that a power failure leaves no half image under it. */
async function publish(finished: string, path: string): Promise<void> {
  const file = await open(finished, 'r+')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
  // QEMU reads it as a user of its own.
  await chmod(finished, 0o644)
  await rename(finished, path)
}

async function requireSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < bytes) throw noSpace(new Error(`${bytes} bytes needed, ${bavail * bsize} free`))
}

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as { code?: string }).code ?? '')

const noSpace = (cause: unknown): DriverError =>
  new DriverError('The host has no space left for the image.', { kind: 'unavailable', cause })

function refuse(size: number, largest_bytes: number): never {
  throw new DriverError(
    `Flavor's disk is too small for requested image. Flavor disk is ${largest_bytes} bytes, image is ${size} bytes.`,
    { kind: 'bad_image' },
  )
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return null
    throw error
  }
}

/** Settles as `promise` does, or with the signal's reason as soon as it aborts. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener('abort', abort))
}

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')
