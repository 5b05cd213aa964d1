import {
  type ImageQuery,
  MEMBER_STATUSES,
  type MemberStatus,
  type Sort,
  SORT_KEYS,
  type SortKey,
  type TimeComparison,
  VISIBILITIES,
  type Visibility,
} from '../../image/index.ts'
import { badRequest, isUuid } from '../../kernel/index.ts'

/** Glance's `limit_param_default` and `api_limit_max`. */
const DEFAULT_LIMIT = 25
const MAX_LIMIT = 1000
const MAX_PARAMETERS = 64
const MAX_VALUES = 1000
const MAX_SORT_KEYS = 8

/** While the query is read, piece by piece. */
type Draft = { -readonly [K in keyof ImageQuery]: ImageQuery[K] } & {
  anyOf: { -readonly [K in keyof ImageQuery['anyOf']]: ImageQuery['anyOf'][K] }
  properties: Record<string, string>
  tags: string[]
  times: ImageQuery['times'][number][]
}

type Reader = (draft: Draft, value: string, name: string) => void

const anyOf: Reader = (draft, value, name) => void (draft.anyOf[name as keyof Draft['anyOf']] = values(value))
const time: Reader = (draft, value, name) =>
  void draft.times.push(timeFilter(name as 'created_at' | 'updated_at', value))
const unused: Reader = () => {}

/** How each parameter is read; any other name filters by the property of that name. */
const READERS: Readonly<Record<string, Reader>> = {
  id: anyOf,
  name: anyOf,
  status: anyOf,
  disk_format: anyOf,
  container_format: anyOf,
  created_at: time,
  updated_at: time,
  owner: (draft, value) => void (draft.owner = value),
  protected: (draft, value, name) => void (draft.protected = truth(name, value)),
  os_hidden: (draft, value, name) => void (draft.hidden = truth(name, value)),
  checksum: (draft, value) => void (draft.md5 = value),
  os_hash_value: (draft, value) => void (draft.sha512 = value),
  visibility: (draft, value, name) =>
    void (draft.visibility = oneOf<Visibility | 'all'>(name, value, [...VISIBILITIES, 'all'])),
  member_status: (draft, value, name) =>
    void (draft.member_status = oneOf<MemberStatus | 'all'>(name, value, [...MEMBER_STATUSES, 'all'])),
  tag: (draft, value) => void draft.tags.push(value),
  size_min: (draft, value, name) => void (draft.size_min = count(name, value)),
  size_max: (draft, value, name) => void (draft.size_max = count(name, value)),
  limit: (draft, value, name) => void (draft.limit = Math.min(count(name, value), MAX_LIMIT)),
  marker(draft, value) {
    if (!isUuid(value)) throw badRequest(`Invalid marker. Image '${value.slice(0, 64)}' could not be found.`)
    draft.marker = value
  },
  sort: unused,
  sort_key: unused,
  sort_dir: unused,
}

/** Reads the parameters of a list. @throws {Problem} bad_request naming the one that does not fit */
export function listQuery(query: URLSearchParams): ImageQuery {
  if (query.size > MAX_PARAMETERS) throw badRequest(`A query has at most ${MAX_PARAMETERS} parameters.`)
  const draft: Draft = {
    anyOf: {},
    hidden: false,
    member_status: 'accepted',
    tags: [],
    properties: {},
    times: [],
    sort: sortOrder(query),
    limit: DEFAULT_LIMIT,
  }
  for (const [name, value] of query) {
    const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined
    if (read) read(draft, value, name)
    else draft.properties[name] = value
  }
  return draft
}

/** `sort=name:asc,size`, or the older pairs `sort_key=name&sort_dir=asc`. */
function sortOrder(query: URLSearchParams): Sort[] {
  const compact = query.get('sort')
  const keys = query.getAll('sort_key')
  const directions = query.getAll('sort_dir')
  if (compact !== null && keys.length + directions.length > 0) {
    throw badRequest('Old and new sorting syntax cannot be combined')
  }
  const pairs =
    compact === null
      ? keys.map((key, index) => [key, directions[index] ?? directions[0] ?? 'desc'] as const)
      : compact.split(',').map((part) => {
          const [key = '', direction = 'desc'] = part.trim().split(':', 2)
          return [key, direction] as const
        })
  if (pairs.length > MAX_SORT_KEYS) throw badRequest(`At most ${MAX_SORT_KEYS} sort keys are possible.`)
  return pairs.map(([key, direction]) => ({
    key: oneOf<SortKey>('sort_key', key, SORT_KEYS),
    direction: oneOf<Sort['direction']>('sort_dir', direction, ['asc', 'desc']),
  }))
}

/** One value, or `in:a,b`, where values with commas are quoted. */
function values(text: string): string[] {
  if (!text.startsWith('in:')) return [text]
  const list = text.slice('in:'.length).match(/"(?:[^"\\]|\\.)*"|[^,]+/g) ?? []
  if (list.length > MAX_VALUES) throw badRequest(`At most ${MAX_VALUES} values are possible in one filter.`)
  return list.map((item) => (item.startsWith('"') ? item.slice(1, -1).replace(/\\(.)/g, '$1') : item))
}

function timeFilter(column: 'created_at' | 'updated_at', text: string): ImageQuery['times'][number] {
  const [, comparison = 'eq', moment = ''] = /^(?:(gte?|lte?|eq|neq):)?(.*)$/.exec(text) ?? []
  // Without a zone it is UTC, as all times of the API.
  const at = new Date(/[zZ]|[+-]\d\d:?\d\d$/.test(moment) ? moment : `${moment}Z`)
  if (!/^\d{4}-\d\d-\d\d/.test(moment) || Number.isNaN(at.getTime())) {
    throw badRequest(`Invalid time value for ${column}: '${text.slice(0, 64)}'`)
  }
  return { column, is: comparison as TimeComparison, at }
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value)
  if (found === undefined)
    throw badRequest(`Invalid ${name} value: '${value.slice(0, 64)}'; it may be ${allowed.join(', ')}.`)
  return found
}

function truth(name: string, value: string): boolean {
  const word = value.toLowerCase()
  if (['true', '1', 'yes', 'on', 't', 'y'].includes(word)) return true
  if (['false', '0', 'no', 'off', 'f', 'n'].includes(word)) return false
  throw badRequest(
    `Invalid value '${value.slice(0, 64)}' for '${name}' filter. It may be 'true' or 'false'.`,
  )
}

function count(name: string, value: string): number {
  const number = Number(value)
  if (!/^\d{1,15}$/.test(value)) throw badRequest(`${name} param must be a number that is not negative.`)
  return number
}
