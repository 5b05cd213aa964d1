import { Type as T } from '@sinclair/typebox'
import { CountText, DateTime, Many, Once, Pattern } from './fields.ts'
import { type Asked, queryShape } from './route.ts'
import { ServerSortKey, SortDirection } from './server-fields.ts'

const text = Many(T.String({ maxLength: 255 }))
const pattern = Many(Pattern)

export const ServerQuery = queryShape('servers', {
  user_id: text,
  project_id: text,
  tenant_id: text,
  launch_index: text,
  image_ref: text,
  image: text,
  kernel_id: pattern,
  ramdisk_id: pattern,
  hostname: pattern,
  key_name: pattern,
  power_state: pattern,
  vm_state: text,
  task_state: text,
  host: text,
  node: pattern,
  flavor: text,
  reservation_id: pattern,
  launched_at: pattern,
  terminated_at: pattern,
  availability_zone: pattern,
  name: pattern,
  display_name: pattern,
  description: pattern,
  display_description: pattern,
  locked_by: pattern,
  uuid: text,
  root_device_name: pattern,
  config_drive: pattern,
  access_ip_v4: pattern,
  access_ip_v6: pattern,
  auto_disk_config: pattern,
  progress: pattern,
  all_tenants: text,
  soft_deleted: text,
  deleted: text,
  status: text,
  'changes-since': Once(DateTime),
  'changes-before': Once(DateTime),
  ip: pattern,
  ip6: pattern,
  created_at: pattern,
  tags: text,
  'tags-any': text,
  'not-tags': text,
  'not-tags-any': text,
  locked: text,
  limit: Many(CountText),
  marker: text,
  sort_key: Many(ServerSortKey({ locked: true, legacy: false })),
  sort_dir: SortDirection,
})
export type ServerQuery = ReturnType<ReturnType<typeof ServerQuery.at>>

/** Filters of everybody; all others are for admins and silently dropped. */
const FOR_ALL = [
  'reservation_id',
  'name',
  'status',
  'image',
  'flavor',
  'ip',
  'changes-since',
  'all_tenants',
  'ip6',
  'changes-before',
  'tags',
  'tags-any',
  'not-tags',
  'not-tags-any',
  'locked',
] as const
/** For everybody since 2.83. */
const FOR_ALL_LATER = [
  'availability_zone',
  'config_drive',
  'key_name',
  'created_at',
  'launched_at',
  'terminated_at',
  'power_state',
  'task_state',
  'vm_state',
  'progress',
  'user_id',
] as const
/** They are part of how a list is read, not filters. */
const PAGING = ['limit', 'marker', 'sort_key', 'sort_dir'] as const

/** The query as far as the caller may use it. */
export function permitted(req: Asked, query: ServerQuery): ServerQuery {
  if (req.can('os_compute_api:servers:allow_all_filters')) return query
  const keys: string[] = [...FOR_ALL, ...PAGING]
  if (req.does('everybody-filters')) keys.push(...FOR_ALL_LATER)
  if (req.does('filter-by-hostname')) keys.push('hostname')
  const kept = keys.filter((key) => key !== 'ip6' || req.does('filter-by-ip6'))
  return Object.fromEntries(kept.filter((key) => key in query).map((key) => [key, query[key as keyof ServerQuery]]))
}
