import type { ImageSource } from '../contracts/index.ts'
import { type Clock, conflict, newId, notFound, Problem, type RequestContext } from '../kernel/index.ts'
import type { GlobalDb } from '../platform/db/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { openImageFiles } from './files.ts'
import { createGrants, GRANT_HEADER } from './grants.ts'
import type { Image, ImageFields } from './image.ts'
import { activateImage, changeImage, deleteImage, findImage, insertImage, moveStatus } from './images.store.ts'
import { type ImageQuery, listImages } from './listing.store.ts'
import { findMember } from './members.store.ts'
import { createMembers, type ImageMembers } from './members.ts'
import { createSnapshots, type Snapshots } from './snapshots.ts'
import { createSweep } from './sweep.ts'

export interface ImagesOptions {
  readonly db: GlobalDb
  /** Where the bytes are kept; of this process alone. Made when missing. */
  readonly directory: string
  readonly clock: Clock
  readonly log: Logger
  /** Signs permissions to download: `grantKey`. */
  readonly grantKey: Uint8Array
  /** Upper bound of one image, bytes. */
  readonly maxBytes: number
}

export interface Download {
  readonly image: Image
  readonly file: Bun.BunFile
}

/** What the compute service needs to know of an image before it builds from it. */
export interface ImageForServer {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly disk_format: string
  readonly min_disk_gb: number
  readonly min_ram_mb: number
  readonly size_bytes: number | null
  readonly virtual_size_bytes: number | null
  readonly properties: Readonly<Record<string, string>>
}

/** The built-in image service. What a caller may do with an image they can see is the face's policy to decide. */
export interface Images {
  readonly maxBytes: number
  readonly members: ImageMembers
  /** @throws {Problem} conflict when the id is taken */
  create(ctx: RequestContext, fields: ImageFields, id?: string): Promise<Image>
  list(ctx: RequestContext, query: ImageQuery): Promise<Image[]>
  /** @throws {Problem} not_found also for an image that the caller may not see */
  show(ctx: RequestContext, id: string): Promise<Image>
  /** `change` sees the present image and gives what shall be; it throws to refuse. */
  change(ctx: RequestContext, id: string, change: (image: Image) => ImageFields): Promise<Image>
  /** @throws {Problem} forbidden when protected */
  delete(ctx: RequestContext, id: string): Promise<void>
  /**
   * Takes in the bytes of a queued image, which is active afterwards; after a failure it is queued again.
   * @throws {Problem} conflict, bad_request, too_large, unsupported_media_type, unavailable, gone
   */
  upload(ctx: RequestContext, id: string, body: ReadableStream<Uint8Array>): Promise<void>
  /** Null where the image has no bytes yet. @throws {Problem} */
  download(ctx: RequestContext, id: string): Promise<Download | null>
  /** For a host that shows the permission `imageSource` gave it. @throws {Problem} forbidden, not_found */
  downloadGranted(id: string, grant: string): Promise<Download>
  /** A deactivated image stays, but its bytes are only for administrators. */
  setDeactivated(ctx: RequestContext, id: string, deactivated: boolean): Promise<void>
  /** Null for an image that the caller may not see. */
  factsFor(ctx: RequestContext, id: string): Promise<ImageForServer | null>
  /**
   * Where a host gets an image, with the permission to do so.
   * @param baseUrl of the image API as the host reaches it
   * @throws {Problem} not_found, or conflict when no server can be built from it now
   */
  imageSource(id: string, baseUrl: string): Promise<ImageSource>
  /** Images that are made of servers. */
  readonly snapshots: Snapshots
  close(): Promise<void>
}

/** Opens the image service and puts right what a crash left unfinished. */
export async function createImages(options: ImagesOptions): Promise<Images> {
  const { db, clock, log, maxBytes } = options
  const files = await openImageFiles(options.directory, maxBytes)
  const grants = createGrants(options.grantKey, clock)
  /** Images whose files are being written or removed. */
  const busy = new Set<string>()
  const sweep = createSweep({ sql: db.sql, files, busy, clock, log })
  await sweep.now()

  async function visible(ctx: RequestContext, id: string): Promise<Image> {
    const image = await findImage(db.sql, id)
    if (image && (await maySee(ctx, image))) return image
    throw noImage(id)
  }

  async function maySee(ctx: RequestContext, image: Image): Promise<boolean> {
    if (ctx.isAdmin || image.owner === ctx.projectId) return true
    if (image.visibility === 'public' || image.visibility === 'community') return true
    if (image.visibility !== 'shared') return false
    return (await findMember(db.sql, image.id, ctx.projectId)) !== undefined
  }

  async function fileOf(image: Image): Promise<Download> {
    const file = await files.open(image.id)
    if (file) return { image, file }
    log.error({ image_id: image.id }, 'The file of an active image is missing')
    throw new Problem('unavailable', 'The data of the image is missing.')
  }

  async function receive(image: Image, body: ReadableStream<Uint8Array>): Promise<void> {
    try {
      const stored = await files.store(image.id, body, image.disk_format!)
      if (await activateImage(db.sql, image.id, stored)) return
      throw new Problem('gone', 'The image was deleted while it was uploaded.')
    } catch (error) {
      // The mark stays until the row is right again: by it the sweep finds this image, even after a crash.
      try {
        await moveStatus(db.sql, image.id, 'saving', 'queued')
        await files.remove(image.id)
      } catch (later) {
        log.warn({ err: later, image_id: image.id }, 'An upload failed and could not be put back yet')
        sweep.soon()
      }
      throw error
    }
  }

  async function take(image: Image, body: ReadableStream<Uint8Array>): Promise<void> {
    const { id } = image
    if (image.disk_format === null || image.container_format === null) {
      throw new Problem('bad_request', 'Properties disk_format, container_format must be set prior to saving data.')
    }
    const taken = () => conflict(`Image status transition from ${image.status} to saving is not allowed`)
    if (busy.has(id)) throw taken()
    busy.add(id)
    try {
      await files.begin(id)
      if (!(await moveStatus(db.sql, id, 'queued', 'saving'))) {
        await files.abandon(id)
        throw taken()
      }
      await receive(image, body)
    } finally {
      busy.delete(id)
    }
  }

  /** An upload under way sees that its row is gone, and removes the file itself. */
  async function removeFile(id: string): Promise<void> {
    if (!busy.has(id)) await files.remove(id)
  }

  return {
    maxBytes,
    members: createMembers(db),

    async create(_ctx, fields, id = newId()) {
      const image = await insertImage(db.sql, id, fields)
      if (!image) throw conflict(`Image ID ${id} already exists!`)
      return image
    },

    list: (ctx, query) => listImages(db.sql, ctx, query),
    show: visible,

    async change(ctx, id, change) {
      await visible(ctx, id)
      const image = await changeImage(db, id, change)
      if (!image) throw noImage(id)
      return image
    },

    async delete(ctx, id) {
      const image = await visible(ctx, id)
      if (!(await deleteImage(db.sql, id))) {
        if (await findImage(db.sql, id)) {
          throw new Problem('forbidden', `Image ${image.id} is protected and cannot be deleted.`)
        }
        throw noImage(id)
      }
      await removeFile(id)
    },

    upload: async (ctx, id, body) => take(await visible(ctx, id), body),

    async download(ctx, id) {
      const image = await visible(ctx, id)
      if (image.status === 'active') return fileOf(image)
      if (image.status !== 'deactivated') return null
      if (!ctx.isAdmin)
        throw new Problem('forbidden', 'The requested image has been deactivated. Image data download is forbidden.')
      return fileOf(image)
    },

    async downloadGranted(id, grant) {
      if (!grants.verify(id, grant))
        throw new Problem('forbidden', 'The permission to download the image is not valid.')
      const image = await findImage(db.sql, id)
      if (!image || image.status !== 'active') throw noImage(id)
      return fileOf(image)
    },

    async setDeactivated(ctx, id, deactivated) {
      const image = await visible(ctx, id)
      const [from, to] = deactivated ? (['active', 'deactivated'] as const) : (['deactivated', 'active'] as const)
      if (image.status === to || (await moveStatus(db.sql, id, from, to))) return
      throw new Problem(
        'forbidden',
        `Not allowed to ${deactivated ? 'deactivate' : 'reactivate'} image in status '${image.status}'`,
      )
    },

    async factsFor(ctx, id) {
      const image = await findImage(db.sql, id)
      if (!image || !(await maySee(ctx, image))) return null
      return { ...image, name: image.name ?? '', disk_format: image.disk_format ?? '' }
    },

    async imageSource(id, baseUrl) {
      const image = await findImage(db.sql, id)
      if (!image) throw noImage(id)
      const { disk_format, size_bytes, sha512 } = image
      if (image.status !== 'active' || size_bytes === null || sha512 === null)
        throw conflict(`Image ${id} is not active.`)
      const format = SERVED_AS[disk_format ?? '']
      if (format === undefined) {
        throw conflict(`No server can be built from image ${id}: its disk format is ${disk_format}.`)
      }
      return {
        id,
        name: image.name ?? '',
        url: `${baseUrl}/v2/images/${id}/file`,
        headers: { [GRANT_HEADER]: grants.issue(id) },
        disk_format: format,
        size_bytes,
        sha512,
        min_disk_gb: image.min_disk_gb,
        properties: { ...image.properties },
      }
    },

    snapshots: createSnapshots({ sql: db.sql, grants, take, removeFile }),
    close: () => sweep.stop(),
  }
}

/** Formats that hosts can boot from or load, and what their bytes are to them. */
const SERVED_AS: Readonly<Record<string, 'raw' | 'qcow2'>> = { raw: 'raw', qcow2: 'qcow2', ami: 'raw', aki: 'raw', ari: 'raw' }

const noImage = (id: string): Problem => notFound(`No image found with ID ${id}`)
