import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdir, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSource } from '../../src/contracts/index.ts'
import type { Logger } from '../../src/platform/log/index.ts'
import { DriverError } from '../drivers/driver.ts'
import { downloadImage } from './download.ts'
import { inspectDeclared, inspectFile } from './inspect.ts'
import { convertDisk, type DiskFile, type DiskFormat, QemuImgError } from './qemu-img.ts'

/** An image on this host, ready to be the backing file of guests' disks. */
export interface BaseImage extends DiskFile {
  readonly virtual_size_bytes: number
}

export interface ImageCacheOptions {
  readonly directory: string
  readonly host: string
  /** Whether qcow2 images are unpacked, `[DEFAULT] force_raw_images`. */
  readonly force_raw: boolean
  readonly log: Logger
}

export interface ImageCache {
  /** `_base`. */
  readonly directory: string
  /** Makes the directory, and removes what a crash of this host's agent has left half done in it. */
  open(): Promise<void>
  /**
   * The image as a file under Nova's name, fetched, verified and unpacked where it is not there yet. Builds that ask at
   * the same time wait for one download.
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

/** Marks a base that is kept as qcow2. What a guest may have written never decides a format, so the name does. */
const PACKED = '.qcow2'

/** What a file of the cache is, by its name. */
export const formatOfBase = (path: string): DiskFormat => (path.endsWith(PACKED) ? 'qcow2' : 'raw')

/** `instances/_base`: a file per image, named by the SHA-1 of its id. */
export function createImageCache(options: ImageCacheOptions): ImageCache {
  const { directory, force_raw, log } = options
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
    const target = baseOf(image)
    const unpack = image.disk_format === 'qcow2' && target.format === 'raw'
    const part = (what: string): string => `${target.path}.${randomUUID()}.${what}${unfinished}`
    const downloaded = part('download')
    const unpacked = part('raw')
    const started = performance.now()
    try {
      await requireSpace(directory, image.size_bytes * (unpack ? 2 : 1))
      await downloadImage(image, downloaded, signal)
      const size = await inspectDeclared(downloaded, image.disk_format)
      admit(size)
      if (unpack) await unpackTo(unpacked, downloaded, size, signal)
      await publish(unpack ? unpacked : downloaded, target.path)
      log.info({ image: image.id, ms: Math.round(performance.now() - started) }, 'cached an image')
    } catch (error) {
      throw isFull(error) ? noSpace(error) : error
    } finally {
      await Promise.all([downloaded, unpacked].map((path) => rm(path, { force: true })))
    }
  }

  function baseOf(image: ImageSource): DiskFile {
    const format: DiskFormat = image.disk_format === 'qcow2' && !force_raw ? 'qcow2' : 'raw'
    return { path: join(directory, `${sha1(image.id)}${format === 'qcow2' ? PACKED : ''}`), format }
  }

  /** @returns null where it is not there. */
  async function cached({ path, format }: DiskFile): Promise<BaseImage | null> {
    try {
      const now = new Date()
      // Its age is the time since it was last asked for.
      await utimes(path, now, now)
      const virtual_size_bytes = format === 'raw' ? (await stat(path)).size : (await inspectFile(path)).virtual_size_bytes
      return { path, format, virtual_size_bytes }
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return null
      throw error
    }
  }

  return {
    directory,

    async open() {
      await mkdir(directory, { recursive: true, mode: 0o755 })
      for (const name of await readdir(directory)) {
        if (name.endsWith(unfinished)) await rm(join(directory, name), { force: true })
      }
    },

    async base(image, largest_bytes, signal) {
      const wanted = baseOf(image)
      let base = await cached(wanted)
      if (!base) {
        await share(image, largest_bytes, signal)
        base = await cached(wanted)
      }
      if (!base) throw new DriverError('The image was removed from the host meanwhile.', { kind: 'unavailable' })
      if (base.virtual_size_bytes > largest_bytes) refuse(base.virtual_size_bytes, largest_bytes)
      return base
    },
  }
}

/**
 * Unpacks a qcow2 file into a sparse raw one. What comes out must be no image of another format in its turn: it would
 * be the next guest's disk, and its first bytes the header of a file that reaches into the host.
 */
async function unpackTo(target: string, source: string, size_bytes: number, signal: AbortSignal): Promise<void> {
  try {
    await convertDisk({ path: source, format: 'qcow2' }, { path: target, format: 'raw' }, signal)
  } catch (error) {
    if (!(error instanceof QemuImgError)) throw error
    if (/No space left on device|Disk quota exceeded/.test(error.message)) throw noSpace(error)
    throw new DriverError('The image is not a valid qcow2 file.', { kind: 'bad_image', cause: error })
  }
  await inspectDeclared(target, 'raw')
  if ((await stat(target)).size !== size_bytes) {
    throw new DriverError('The image is not a valid qcow2 file.', { kind: 'bad_image' })
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

/** Settles as `promise` does, or with the signal's reason as soon as it aborts. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener('abort', abort))
}

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')
