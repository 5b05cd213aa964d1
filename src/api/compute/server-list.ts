import { isSortKey, type ServerFilter, type SortKey, statesOf } from '../../compute/index.ts'
import { badRequest, forbidden } from '../../kernel/index.ts'
import { dateTime } from './fields.ts'
import { pageOf } from './paging.ts'
import type { Asked } from './route.ts'
import { permitted, type ServerQuery } from './server-query.ts'

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
