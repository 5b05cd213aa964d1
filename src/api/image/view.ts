import type { Image, Member } from '../../image/index.ts'

/** An image as Glance shows it: attributes and properties side by side, times to the second. */
export function imageView(image: Image): Record<string, unknown> {
  return {
    ...image.properties,
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    protected: image.protected,
    os_hidden: image.hidden,
    owner: image.owner,
    disk_format: image.disk_format,
    container_format: image.container_format,
    size: image.size_bytes,
    virtual_size: image.virtual_size_bytes,
    min_disk: image.min_disk_gb,
    min_ram: image.min_ram_mb,
    checksum: image.md5,
    os_hash_algo: image.sha512 === null ? null : 'sha512',
    os_hash_value: image.sha512,
    tags: image.tags,
    created_at: time(image.created_at),
    updated_at: time(image.updated_at),
    self: `/v2/images/${image.id}`,
    file: `/v2/images/${image.id}/file`,
    schema: '/v2/schemas/image',
  }
}

export function memberView(member: Member): Record<string, unknown> {
  return {
    image_id: member.image_id,
    member_id: member.member_id,
    status: member.status,
    created_at: time(member.created_at),
    updated_at: time(member.updated_at),
    schema: '/v2/schemas/member',
  }
}

function time(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`
}
