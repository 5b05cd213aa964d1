import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ImageSource } from '../../src/contracts/index.ts'
import { makeTinyImage, writeQcow2 } from '../../src/guest-image/index.ts'
import { openLogs } from '../../src/platform/log/index.ts'
import { eventually } from '../../test/support/eventually.ts'
import { type ImageServer, startImageServer } from '../../test/support/image-server.ts'
import { has } from '../../test/support/requirements.ts'
import { DriverError } from '../drivers/driver.ts'
import { createImageCache, type ImageCache } from './cache.ts'

const log = openLogs({ log_file: '/dev/null' }).role('nova-compute')
const GIB = 1024 ** 3
const NEVER = new AbortController().signal
const tiny = makeTinyImage()
const tinyRaw = makeTinyImage('raw')
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')

let images: ImageServer
let directory: string
let cache: ImageCache

beforeAll(() => {
  images = startImageServer()
})
afterAll(() => images.stop())

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'base-'))
  cache = createImageCache({ directory, host: 'one', force_raw: true, log })
  await cache.open()
})
afterEach(() => rm(directory, { recursive: true }))

const asked = (image: ImageSource): Promise<void> =>
  eventually(async () => expect(images.requests(image)).toBeGreaterThan(0))

async function failure(verb: Promise<unknown>): Promise<DriverError> {
  const error = await verb.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(DriverError)
  return error as DriverError
}

describe.if(has('qemu-img'))('the image cache', () => {
  test("keeps a qcow2 image as a raw file under Nova's name", async () => {
    const image = images.add(tiny)
    const base = await cache.base(image, GIB, NEVER)
    expect(base).toEqual({ path: join(directory, sha1(image.id)), format: 'raw', virtual_size_bytes: tinyRaw.length })
    expect<Uint8Array>(await Bun.file(base.path).bytes()).toEqual(tinyRaw)
    expect(await readdir(directory)).toEqual([sha1(image.id)])
  })

  test('keeps a qcow2 image packed where it is told to, under a name that says so', async () => {
    const packing = createImageCache({ directory, host: 'one', force_raw: false, log })
    const image = images.add(tiny)
    const path = join(directory, `${sha1(image.id)}.qcow2`)
    for (const round of [1, 2]) {
      const base = await packing.base(image, GIB, NEVER)
      expect([round, base]).toEqual([round, { path, format: 'qcow2', virtual_size_bytes: tinyRaw.length }])
    }
    expect<Uint8Array>(await Bun.file(path).bytes()).toEqual(tiny)
    expect(images.requests(image)).toBe(1)
  })

  test('keeps a raw image as it is', async () => {
    const base = await cache.base(images.add(tinyRaw, { disk_format: 'raw' }), GIB, NEVER)
    expect<Uint8Array>(await Bun.file(base.path).bytes()).toEqual(tinyRaw)
  })

  test('fetches an image once for twenty builds that ask at the same time, and not again later', async () => {
    const image = images.add(tiny)
    const bases = await Promise.all(Array.from({ length: 20 }, (_, n) => cache.base(image, GIB * (n + 1), NEVER)))
    expect(new Set(bases.map(({ path }) => path)).size).toBe(1)
    await cache.base(image, GIB, NEVER)
    expect(images.requests(image)).toBe(1)
  })

  test('refuses an image for a flavor that is too small, cached or not, and not for a larger one', async () => {
    const image = images.add(writeQcow2(new Uint8Array(2 * 1024 ** 2).fill(1)))
    const [small, large] = await Promise.allSettled([
      cache.base(image, 1024 ** 2, NEVER),
      cache.base(image, GIB, NEVER),
    ])
    expect([small.status, large.status]).toEqual(['rejected', 'fulfilled'])
    const refusal = await failure(cache.base(image, 1024 ** 2, NEVER))
    expect(refusal.kind).toBe('bad_image')
    expect(refusal.reason).toContain('Flavor disk is 1048576 bytes, image is 2097152 bytes')
    const alone = images.add(writeQcow2(new Uint8Array(2 * 1024 ** 2).fill(1)))
    expect((await failure(cache.base(alone, 1024 ** 2, NEVER))).kind).toBe('bad_image')
    expect(await readdir(directory)).toEqual([sha1(image.id)])
  })

  test('a build that is called off leaves the download to the others', async () => {
    images.hold()
    const image = images.add(tiny)
    const off = new AbortController()
    const first = cache.base(image, GIB, off.signal)
    const second = cache.base(image, GIB, NEVER)
    await asked(image)
    off.abort(new Error('called off'))
    await expect(first).rejects.toThrow('called off')
    images.release()
    expect((await second).virtual_size_bytes).toBe(tinyRaw.length)
  })

  test('a download that nobody waits for any more ends, and leaves no file', async () => {
    images.hold()
    const image = images.add(tiny)
    const off = new AbortController()
    const only = cache.base(image, GIB, off.signal)
    await asked(image)
    off.abort(new Error('called off'))
    await expect(only).rejects.toThrow('called off')
    await eventually(async () => expect(await readdir(directory)).toEqual([]))
    images.release()
    expect((await cache.base(image, GIB, NEVER)).virtual_size_bytes).toBe(tinyRaw.length)
  })

  const refused: Record<string, () => ImageSource> = {
    'whose bytes are others than announced': () => images.add(tiny, { sha512: '0'.repeat(128) }),
    'that is longer than announced': () => images.add(tiny, { size_bytes: tiny.length - 1 }),
    'that is gone': () => ({ ...images.add(tiny), url: images.add(tiny).url.slice(0, -1) }),
    'that is declared raw and is qcow2': () => images.add(tiny, { disk_format: 'raw' }),
    'that names a backing file': () => images.add(withBackingFile(tiny, '/etc/passwd')),
    'whose disk is an image in its turn': () => images.add(writeQcow2(padded(withBackingFile(tiny, '/etc/passwd')))),
    'that qemu-img cannot read': () => images.add(withLostTables(tiny)),
  }
  for (const [what, image] of Object.entries(refused)) {
    test(`refuses an image ${what}, and leaves no file`, async () => {
      const error = await failure(cache.base(image(), GIB, NEVER))
      expect(error.kind).toBe('bad_image')
      expect(error.reason).not.toContain('/')
      expect(await readdir(directory)).toEqual([])
    })
  }

  const unavailable: Record<string, () => ImageSource> = {
    'ends too early': () => images.add(tiny, { size_bytes: tiny.length + 1 }),
    'answers with an error': () => ({ ...images.add(tiny), url: `${images.add(tiny).url}?status=503` }),
    'sends the host elsewhere': () => ({ ...images.add(tiny), url: `${images.add(tiny).url}?status=302` }),
    'is not there': () => ({ ...images.add(tiny), url: 'http://127.0.0.1:1/' }),
    'is a file of the host': () => ({ ...images.add(tiny), url: 'file:///etc/passwd' }),
  }
  for (const [what, image] of Object.entries(unavailable)) {
    test(`an image service that ${what} is unavailable, and no file is left`, async () => {
      expect((await failure(cache.base(image(), GIB, NEVER))).kind).toBe('unavailable')
      expect(await readdir(directory)).toEqual([])
    })
  }

  test('removes what a crash of this host left half done, and nothing of others', async () => {
    const names = async (host: string): Promise<string[]> => {
      images.hold()
      const image = images.add(tiny)
      const off = new AbortController()
      const other = createImageCache({ directory, host, force_raw: true, log })
      const download = other.base(image, GIB, off.signal).catch(() => {})
      await asked(image)
      const parts = await readdir(directory)
      off.abort()
      await download
      images.release()
      await eventually(async () => expect(await readdir(directory)).toEqual([]))
      return parts
    }
    const parts = [...(await names('one')), ...(await names('two')), sha1('an image')]
    expect(parts.length).toBe(3)
    for (const name of parts) await Bun.write(join(directory, name), 'half')
    await cache.open()
    expect((await readdir(directory)).sort()).toEqual(parts.slice(1).sort())
  })
})

// A file system that is really full takes root to make.
describe.if(has('libvirt'))('the image cache on a full disk', () => {
  let full: string
  beforeAll(async () => {
    full = await mkdtemp(join(tmpdir(), 'full-'))
    await Bun.$`mount -t tmpfs -o size=1M tmpfs ${full}`
  })
  afterAll(async () => {
    await Bun.$`umount ${full}`
    await rm(full, { recursive: true })
  })

  test('does not begin a download that cannot fit', async () => {
    const small = createImageCache({ directory: full, host: 'one', force_raw: true, log })
    const image = images.add(new Uint8Array(2 * 1024 ** 2), { disk_format: 'raw' })
    const error = await failure(small.base(image, GIB, NEVER))
    expect([error.kind, error.reason]).toEqual(['unavailable', 'The host has no space left for the image.'])
    expect(images.requests(image)).toBe(0)
  })

  test('gives up a download when others have filled the disk meanwhile, and leaves no file', async () => {
    const small = createImageCache({ directory: full, host: 'one', force_raw: true, log })
    images.hold()
    const image = images.add(new Uint8Array(900 * 1024).fill(1), { disk_format: 'raw' })
    const download = failure(small.base(image, GIB, NEVER))
    await asked(image)
    await Bun.write(join(full, 'filler'), new Uint8Array(400 * 1024))
    images.release()
    const error = await download
    expect([error.kind, error.reason]).toEqual(['unavailable', 'The host has no space left for the image.'])
    expect(await readdir(full)).toEqual(['filler'])
    await rm(join(full, 'filler'))
  })

  test('gives up a conversion that does not fit, and leaves no file', async () => {
    const small = createImageCache({ directory: full, host: 'one', force_raw: true, log })
    const image = images.add(manyClustersInOne(64))
    const error = await failure(small.base(image, GIB, NEVER))
    expect([error.kind, error.reason]).toEqual(['unavailable', 'The host has no space left for the image.'])
    expect(images.requests(image)).toBe(1)
    expect(await readdir(full)).toEqual([])
  })
})

function withBackingFile(qcow2: Uint8Array, path: string): Uint8Array {
  const image = qcow2.slice()
  const header = new DataView(image.buffer)
  header.setBigUint64(8, 512n)
  header.setUint32(16, path.length)
  image.set(new TextEncoder().encode(path), 512)
  return image
}

/** To whole sectors, as a disk has them. */
function padded(bytes: Uint8Array): Uint8Array {
  const disk = new Uint8Array(Math.ceil(bytes.length / 512) * 512)
  disk.set(bytes)
  return disk
}

const l1TableOf = (qcow2: Uint8Array): number => Number(new DataView(qcow2.buffer).getBigUint64(40))

/** The first entry of its first-level table leads nowhere. */
function withLostTables(qcow2: Uint8Array): Uint8Array {
  const image = qcow2.slice()
  new DataView(image.buffer).setBigUint64(l1TableOf(image), 0xffff_ffff_ffffn)
  return image
}

/** A small file that is large as a raw one: its second-level table gives the same cluster of data many times. */
function manyClustersInOne(clusters: number): Uint8Array {
  const disk = new Uint8Array(clusters * 65_536)
  disk.fill(1, 0, 65_536)
  const image = writeQcow2(disk)
  const view = new DataView(image.buffer)
  const used = 1n << 63n
  const l2Table = Number(view.getBigUint64(l1TableOf(image)) & ~used)
  for (let entry = 1; entry < clusters; entry++) view.setBigUint64(l2Table + entry * 8, view.getBigUint64(l2Table))
  return image
}
