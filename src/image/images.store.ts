import { isUuid } from '../kernel/index.ts'
import type { GlobalDb, GlobalSql } from '../platform/db/index.ts'
import type { Image, ImageFields, ImageStatus } from './image.ts'

/** @returns the new image, or undefined where the id is taken. */
export async function insertImage(sql: GlobalSql, id: string, fields: ImageFields): Promise<Image | undefined> {
  const [image] = await sql<Image[]>`
    insert into images ${sql({ id, ...columns(fields) })}
    on conflict (id) do nothing
    returning *`
  return image
}

/** As the driver wants them: it takes no read-only lists. */
function columns(fields: ImageFields) {
  return { ...fields, tags: [...fields.tags], properties: { ...fields.properties } }
}

export async function findImage(sql: GlobalSql, id: string): Promise<Image | undefined> {
  if (!isUuid(id)) return undefined
  const [image] = await sql<Image[]>`select * from images where id = ${id}`
  return image
}

/** Changes what a caller may choose, one writer at a time. `change` throws to leave all as it is. */
export async function changeImage(
  db: GlobalDb,
  id: string,
  change: (image: Image) => ImageFields,
): Promise<Image | undefined> {
  return db.transaction(async (tx) => {
    const [current] = await tx<Image[]>`select * from images where id = ${id} for update`
    if (!current) return undefined
    const [image] = await tx<Image[]>`
      update images set ${tx(columns(change(current)))}, updated_at = now() where id = ${id} returning *`
    return image
  })
}

/**
 * Moves an image from one status to another.
 * @returns false when it was not in `from`, so of two that try at once only one succeeds.
 */
export async function moveStatus(sql: GlobalSql, id: string, from: ImageStatus, to: ImageStatus): Promise<boolean> {
  const { count } = await sql`
    update images set status = ${to}, updated_at = now() where id = ${id} and status = ${from}`
  return count > 0
}

export interface StoredBytes {
  readonly size_bytes: number
  readonly virtual_size_bytes: number
  readonly md5: string
  readonly sha512: string
}

/** @returns false when the image was deleted while its bytes arrived. */
export async function activateImage(sql: GlobalSql, id: string, bytes: StoredBytes): Promise<boolean> {
  const { count } = await sql`
    update images set ${sql({ ...bytes, status: 'active' })}, updated_at = now()
    where id = ${id} and status = 'saving'`
  return count > 0
}

/** @returns false when there is no such image or it is protected. */
export async function deleteImage(sql: GlobalSql, id: string): Promise<boolean> {
  const { count } = await sql`delete from images where id = ${id} and not protected`
  return count > 0
}

/** Of these images the ones whose file must be kept. */
export async function imagesWithFile(sql: GlobalSql, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ id: string }[]>`
    select id from images where id = any(${[...ids]}::uuid[]) and status in ('active', 'deactivated')`
  return new Set(rows.map((image) => image.id))
}
