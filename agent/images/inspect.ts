import { open } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { assertSafe, type ImageFacts, inspectImage, UnsafeImage } from '../../src/platform/disk-image/index.ts'
import { DriverError } from '../drivers/driver.ts'
import type { DiskFormat } from './qemu-img.ts'

/** What the bytes of a file say, read by our own parser. @throws what the file system says. */
export async function inspectFile(path: string): Promise<ImageFacts> {
  const file = await open(path, 'r')
  try {
    return await inspectImage({
      size: (await file.stat()).size,
      async read(offset, length) {
        const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset)
        return buffer.subarray(0, bytesRead)
      },
    })
  } finally {
    await file.close()
  }
}

/**
 * Refuses an image whose bytes are not what it was declared as, or reach for anything outside of themselves.
 * @returns its virtual size, bytes.
 * @throws {DriverError} `bad_image`.
 */
export async function inspectDeclared(path: string, declared: string): Promise<number> {
  const facts = await inspectFile(path)
  try {
    assertSafe(facts, declared)
  } catch (error) {
    if (!(error instanceof UnsafeImage)) throw error
    throw new DriverError(error.message, { kind: 'bad_image', cause: error })
  }
  return facts.virtual_size_bytes
}

/** The one thing that is wrong with an overlay when it is looked at as an image that somebody sent. */
const STANDS_ON_ANOTHER = 'it has a backing file'

export interface GuestDisk {
  readonly path: string
  /** As the host made it, from its own records; never from the bytes. */
  readonly format: DiskFormat
  /** Where the file that it stands on may be; null for a disk that must stand alone. */
  readonly base_directory: string | null
}

export interface GuestDiskFacts {
  readonly virtual_size_bytes: number
  readonly backing_file: string | null
}

/**
 * Looks at a disk that a guest could write to, before anything reads it but the guest's own QEMU. A guest that writes
 * the header of an image that names a file of the host into its disk gets no further than here (OSSA-2016-001 and its
 * successors); one whose QEMU was taken over may have changed the file around it as well.
 *
 * @throws {DriverError} when the file is not what the host made.
 */
export async function checkGuestDisk({ path, format, base_directory }: GuestDisk): Promise<GuestDiskFacts> {
  const facts = await inspectFile(path)
  const { backing_file, virtual_size_bytes } = facts
  const onBase = backing_file !== null && base_directory !== null && isBase(backing_file, base_directory)
  const reasons = facts.unsafe.filter((reason) => !onBase || reason !== STANDS_ON_ANOTHER)
  const found = facts.format === 'iso' ? 'raw' : facts.format
  if (reasons.length === 0 && found === format) return { virtual_size_bytes, backing_file }
  throw new DriverError("The guest's disk cannot be used: its content is that of a disk image.", {
    cause: new Error(`expected ${format} on a base, found ${facts.format} on ${backing_file}: ${reasons}`),
  })
}

/** What a qcow2 file from another host says it stands on: the name of an image there, and nothing that is opened here. */
export async function namedBase(path: string): Promise<string | null> {
  const { format, backing_file } = await inspectFile(path)
  return format === 'qcow2' && backing_file !== null ? basename(backing_file).replace(/\.qcow2$/, '') : null
}

/** A file of `_base`, and no path that leads out of it. */
const isBase = (path: string, directory: string): boolean =>
  dirname(path) === directory && /^[A-Za-z0-9_]+(\.qcow2)?$/.test(basename(path))
