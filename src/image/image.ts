export type ImageStatus = 'queued' | 'saving' | 'active' | 'killed' | 'deactivated'
export const VISIBILITIES = ['public', 'private', 'shared', 'community'] as const
export type Visibility = (typeof VISIBILITIES)[number]

/** A row of `images`. */
export interface Image {
  readonly id: string
  readonly name: string | null
  readonly status: ImageStatus
  readonly visibility: Visibility
  /** While true the image cannot be deleted. */
  readonly protected: boolean
  /** Left out of lists that do not ask for it. */
  readonly hidden: boolean
  /** Project. */
  readonly owner: string
  readonly disk_format: string | null
  readonly container_format: string | null
  /** Bytes of the file; null as long as there is none. */
  readonly size_bytes: number | null
  /** Bytes of the disk that a guest would see. */
  readonly virtual_size_bytes: number | null
  readonly min_disk_gb: number
  readonly min_ram_mb: number
  readonly md5: string | null
  readonly sha512: string | null
  readonly tags: readonly string[]
  /** What users and clients note on an image; names are free but for those of attributes. */
  readonly properties: Readonly<Record<string, string>>
  readonly created_at: Date
  readonly updated_at: Date
}

/** What a caller may choose about an image. */
export type ImageFields = Pick<
  Image,
  | 'name'
  | 'visibility'
  | 'protected'
  | 'hidden'
  | 'owner'
  | 'disk_format'
  | 'container_format'
  | 'min_disk_gb'
  | 'min_ram_mb'
  | 'tags'
  | 'properties'
>

export const DISK_FORMATS = ['ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw', 'qcow2', 'vdi', 'iso', 'ploop'] as const
export const CONTAINER_FORMATS = ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'] as const

/** Glance's `image_tag_quota` and `image_property_quota`. */
export const MAX_TAGS = 128
export const MAX_PROPERTIES = 128
export const MAX_NAME = 255
export const MAX_PROPERTY_VALUE = 65_535
