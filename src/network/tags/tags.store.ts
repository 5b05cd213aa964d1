import type { GlobalSql } from '../../platform/db/index.ts'

/** What can be tagged. */
export const TAGGED = ['networks', 'subnets', 'ports', 'security_groups', 'routers', 'floating_ips'] as const
export type Tagged = (typeof TAGGED)[number]

/** Makes `tags` those of the resource; nothing happens to one that is gone. */
export async function replaceTags(sql: GlobalSql, of: Tagged, id: string, tags: readonly string[]): Promise<void> {
  await sql`
    update ${sql(of)} set tags = ${[...tags]}, updated_at = now(), revision = revision + 1 where id = ${id}`
}

/** Adds the tag unless the resource has it. */
export async function addTag(sql: GlobalSql, of: Tagged, id: string, tag: string): Promise<void> {
  await sql`
    update ${sql(of)} set tags = tags || ${tag}::text, updated_at = now(), revision = revision + 1
    where id = ${id} and not tags @> array[${tag}]::text[]`
}

/** False when the resource does not have the tag. */
export async function removeTag(sql: GlobalSql, of: Tagged, id: string, tag: string): Promise<boolean> {
  const rows = await sql`
    update ${sql(of)} set tags = array_remove(tags, ${tag}), updated_at = now(), revision = revision + 1
    where id = ${id} and tags @> array[${tag}]::text[]
    returning id`
  return rows.length > 0
}
