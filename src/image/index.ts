export { GRANT_HEADER } from './grants.ts'
export { grantKey } from './grants.store.ts'
export {
  CONTAINER_FORMATS,
  DISK_FORMATS,
  type Image,
  type ImageFields,
  MAX_NAME,
  MAX_PROPERTIES,
  MAX_PROPERTY_VALUE,
  MAX_TAGS,
  VISIBILITIES,
  type Visibility,
} from './image.ts'
export { createImages, type Download, type ImageForServer, type Images, type ImagesOptions } from './images.ts'
export type { Backups, Snapshots } from './snapshots.ts'
export { type ImageQuery, type Sort, SORT_KEYS, type SortKey, type TimeComparison } from './listing.store.ts'
export { type Member, MEMBER_STATUSES, type MemberStatus } from './members.store.ts'
export type { ImageMembers } from './members.ts'
