import { Type as T } from '@sinclair/typebox'
import { isSortKey, type ServerFilter, type SortKey, statesOf } from '../../compute/index.ts'
import { badRequest, forbidden } from '../../kernel/index.ts'
import { CountText, DateTime, dateTime, Many, Once, Pattern } from './fields.ts'
import { pageOf } from './paging.ts'
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
function permitted(req: Asked, query: ServerQuery): ServerQuery {
  if (req.can('os_compute_api:servers:allow_all_filters')) return query
  const keys: string[] = [...FOR_ALL, ...PAGING]
  if (req.does('everybody-filters')) keys.push(...FOR_ALL_LATER)
  if (req.does('filter-by-hostname')) keys.push('hostname')
  const kept = keys.filter((key) => key !== 'ip6' || req.does('filter-by-ip6'))
  return Object.fromEntries(kept.filter((key) => key in query).map((key) => [key, query[key as keyof ServerQuery]]))
}

const TRUE = /^(1|t|true|on|y|yes)$/i
const FALSE = /^(0|f|false|off|n|no)$/i

/** A key without a value means yes: `?all_tenants`. */
function flag(name: string, value: string | undefined): boolean {
  if (value === undefined) return false
  if (value === '' || TRUE.test(value)) return true
  if (FALSE.test(value)) return false
  throw badRequest(`Invalid value '${value}' for query parameter '${name}': it is not a boolean.`)
}

/** Names of the API where they differ from the column's. */
const EXACT: Record<string, string> = {
  user_id: 'user_id',
  project_id: 'project_id',
  launch_index: 'launch_index',
  image_ref: 'image_id',
  image: 'image_id',
  power_state: 'power_state',
  vm_state: 'vm_state',
  task_state: 'task_state',
  host: 'host',
  node: 'node',
  flavor: 'flavor_id',
  reservation_id: 'reservation_id',
  uuid: 'id',
  progress: 'progress',
  locked_by: 'locked_by',
}
const PATTERN: Record<string, string> = {
  name: 'name',
  display_name: 'name',
  description: 'description',
  display_description: 'description',
  hostname: 'hostname',
  key_name: 'key_name',
  availability_zone: 'availability_zone',
  access_ip_v4: 'access_ip_v4',
  access_ip_v6: 'access_ip_v6',
  root_device_name: 'root_device_name',
}
const BOOLEANS = ['config_drive', 'auto_disk_config'] as const
const TIMES = ['created_at', 'launched_at', 'terminated_at'] as const

const last = (values: readonly string[] | undefined): string | undefined => values?.at(-1)

export interface ListRequest {
  readonly filter: ServerFilter
  readonly marker: string | null
  readonly limit: number
}

/**
 * What a list of servers is asked for, with Nova's rules on who may ask for what.
 * @param allProjectsRule decides on `all_tenants`. @returns null where the answer is empty whatever there is
 */
export function listRequest(
  req: Asked & { readonly query: ServerQuery },
  allProjectsRule: string,
  maxLimit: number,
): ListRequest | null {
  const query = permitted(req, req.query)
  const all = flag('all_tenants', last(query.all_tenants))
  if (all) req.must(allProjectsRule)
  const page = pageOf(query, maxLimit)
  const status = statusOf(req, query)
  if (page.limit === 0 || status === 'nothing') return null
  const since = query['changes-since']?.[0]
  const before = query['changes-before']?.[0]
  const changes_since = since === undefined ? null : dateTime(since)
  const changes_before = before === undefined ? null : dateTime(before)
  if (changes_since && changes_before && changes_since > changes_before) {
    throw badRequest('The value of changes-since must be less than or equal to changes-before.')
  }
  return {
    ...page,
    filter: {
      exact: exactOf(req, query, all),
      pattern: patternsOf(query),
      status,
      ip: addressOf(query),
      locked: query.locked === undefined ? null : flag('locked', last(query.locked)),
      deleted: deletedOf(req, query, changes_since !== null),
      changes_since,
      changes_before,
      tags: tagsOf(query),
      order: orderOf(req, query),
    },
  }
}

function exactOf(req: Asked, query: ServerQuery, all: boolean): ServerFilter['exact'] {
  const exact: Record<string, (string | boolean | Date | null)[]> = {}
  for (const [key, column] of Object.entries(EXACT)) {
    const value = last(query[key as keyof ServerQuery] as string[] | undefined)
    if (value !== undefined) exact[column] = [value === '' || value === 'None' ? null : value]
  }
  for (const key of BOOLEANS) {
    const value = last(query[key])
    if (value !== undefined) exact[key] = [TRUE.test(value)]
  }
  for (const key of TIMES) {
    const value = last(query[key])
    if (value === undefined) continue
    const time = dateTime(value)
    if (Number.isNaN(time.getTime())) throw badRequest(`Invalid input for query parameters '${key}'. Value: ${value}.`)
    exact[key] = [time]
  }
  if (!all) exact.project_id = [req.ctx.projectId]
  else if (query.tenant_id) exact.project_id = [last(query.tenant_id)!]
  return exact as ServerFilter['exact']
}

function patternsOf(query: ServerQuery): ServerFilter['pattern'] {
  const patterns: Record<string, string> = {}
  for (const [key, column] of Object.entries(PATTERN)) {
    const value = last(query[key as keyof ServerQuery] as string[] | undefined)
    if (value !== undefined) patterns[column] = value
  }
  return patterns
}

function addressOf(query: ServerQuery): ServerFilter['ip'] {
  const v4 = last(query.ip)
  if (v4 !== undefined) return { version: 4, pattern: v4 }
  const v6 = last(query.ip6)
  return v6 === undefined ? null : { version: 6, pattern: v6 }
}

const list = (values: readonly string[] | undefined): string[] =>
  (last(values) ?? '').split(',').filter((tag) => tag !== '')

function tagsOf(query: ServerQuery): ServerFilter['tags'] {
  return {
    all: list(query.tags),
    any: list(query['tags-any']),
    not_all: list(query['not-tags']),
    not_any: list(query['not-tags-any']),
  }
}

/** `nothing` for a word that is no status, which until 2.38 is no error. */
function statusOf(req: Asked, query: ServerQuery): ServerFilter['status'] | 'nothing' {
  if (query.status === undefined) return null
  const cells = query.status.flatMap((word) => {
    const states = statesOf(word)
    if (states === null && req.does('unknown-status-is-refused')) throw badRequest(`Invalid status value: ${word}`)
    return states ?? []
  })
  if (cells.length === 0) return 'nothing'
  if (!req.ctx.isAdmin && cells.every((cell) => cell.vm_state === 'deleted')) {
    throw forbidden('Only administrators may list deleted instances')
  }
  return cells
}

/** Deleted servers are found where an admin asks for them, and by everybody who asks what has changed. */
function deletedOf(req: Asked, query: ServerQuery, sinceChanges: boolean): ServerFilter['deleted'] {
  const asked = last(query.deleted)
  if (asked !== undefined) return TRUE.test(asked)
  if (req.ctx.isAdmin && query.status?.some((word) => word.toLowerCase() === 'deleted')) return true
  return sinceChanges ? 'any' : false
}

const SORT_COLUMNS: Record<string, SortKey> = {
  display_name: 'name',
  display_description: 'description',
  image_ref: 'image_id',
  instance_type_id: 'flavor_id',
  uuid: 'id',
  locked: 'locked_by',
}
/** Keys that hold the same for every server here: sorting by them changes nothing. */
const CONSTANT = new Set(['kernel_id', 'ramdisk_id'])

function orderOf(req: Asked, query: ServerQuery): ServerFilter['order'] {
  const keys = query.sort_key ?? []
  const directions = query.sort_dir ?? []
  if (keys.some((key) => key === 'host' || key === 'node') && !req.can('os_compute_api:servers:allow_all_filters')) {
    throw forbidden('Only administrators can sort servers by host or node.')
  }
  const fallback = directions[0] ?? 'desc'
  const given = keys
    .map((key, index) => ({ key: SORT_COLUMNS[key] ?? (key as SortKey), direction: directions[index] ?? fallback }))
    .filter(({ key }) => isSortKey(key) && !CONSTANT.has(key))
  const implied = { key: 'created_at' as const, direction: fallback }
  const order = given.some(({ key }) => key === 'created_at') ? given : [...given, implied]
  return order.filter(({ key }, index) => order.findIndex((other) => other.key === key) === index)
}
