import type { ImageTarget } from '../contracts/index.ts'
import { conflict, newId, notFound, Problem } from '../kernel/index.ts'
import type { GlobalSql } from '../platform/db/index.ts'
import { GRANT_HEADER, type Grants } from './grants.ts'
import type { Image, ImageFields } from './image.ts'
import { deleteImage, findImage, insertImage } from './images.store.ts'

/** The backups of one kind that are kept of a server. */
export interface Backups {
  readonly server_id: string
  /** The project that has them. */
  readonly project_id: string
  /** Free text: `daily`. */
  readonly backup_type: string
  /** How many, the newest. */
  readonly keep: number
}

/** What is said of an image before its bytes are there; the rest is the same for all that are made of servers. */
export type SnapshotFields = Pick<
  ImageFields,
  'name' | 'owner' | 'disk_format' | 'min_disk_gb' | 'min_ram_mb' | 'properties'
>

/** Images that a compute host makes of a server's disk: it may upload to one of them, and to nothing else. */
export interface Snapshots {
  /** Adds a queued image. @returns its id */
  create(fields: SnapshotFields): Promise<string>
  /**
   * Where a host puts the bytes, with the permission to do so; null where they have arrived already.
   * @param baseUrl of the image API as the host reaches it
   * @throws {Problem} not_found when the image was deleted meanwhile, conflict for a format that no host makes
   */
  target(id: string, baseUrl: string): Promise<ImageTarget | null>
  /** For a host that shows the permission `target` gave it. @throws {Problem} forbidden, and as an upload does */
  upload(id: string, grant: string, body: ReadableStream<Uint8Array>): Promise<void>
  /** Removes an image that did not come about, or is not needed any more. Of one that is gone: nothing. */
  discard(id: string): Promise<void>
  /** Deletes all but the newest backups. */
  rotate(backups: Backups): Promise<void>
}

interface SnapshotParts {
  readonly sql: GlobalSql
  readonly grants: Grants
  readonly take: (image: Image, body: ReadableStream<Uint8Array>) => Promise<void>
  readonly removeFile: (id: string) => Promise<void>
}

export function createSnapshots({ sql, grants, take, removeFile }: SnapshotParts): Snapshots {
  async function discard(id: string): Promise<void> {
    if (await deleteImage(sql, id)) await removeFile(id)
  }

  return {
    async create(fields) {
      const id = newId()
      const plain = { visibility: 'private', protected: false, hidden: false, container_format: 'bare', tags: [] } as const
      await insertImage(sql, id, { ...plain, ...fields })
      return id
    },

    async target(id, baseUrl) {
      const image = await findImage(sql, id)
      if (!image) throw notFound(`No image found with ID ${id}`)
      const { status, disk_format } = image
      if (status === 'active' || status === 'deactivated') return null
      if (disk_format !== 'raw' && disk_format !== 'qcow2') {
        throw conflict(`No host makes an image of the disk format ${disk_format}.`)
      }
      return {
        id,
        url: `${baseUrl}/v2/images/${id}/file`,
        headers: { [GRANT_HEADER]: grants.issue(id, 'upload'), 'content-type': 'application/octet-stream' },
        disk_format,
      }
    },

    async upload(id, grant, body) {
      if (!grants.verify(id, grant, 'upload')) {
        throw new Problem('forbidden', 'The permission to upload the image is not valid.')
      }
      const image = await findImage(sql, id)
      if (!image) throw notFound(`No image found with ID ${id}`)
      await take(image, body)
    },

    discard,

    async rotate({ server_id, project_id, backup_type, keep }) {
      const like = { image_type: 'backup', backup_type, instance_uuid: server_id }
      const old = await sql<{ id: string }[]>`
        select id from images
        where owner = ${project_id} and properties @> ${sql.json(like)} and not protected
        order by created_at desc, id desc offset ${keep}`
      for (const { id } of old) await discard(id)
    },
  }
}
