import { type Listing, MAX_PAGE } from '../../network/index.ts'
import { badRequest } from '../../kernel/index.ts'

/** What a client asks of a list beside the filters, in Neutron's query parameters. */
export interface ListQuery {
  readonly listing: Listing
  /** Attributes wanted; empty means all. */
  readonly fields: readonly string[]
}

const MAX_PARAMETERS = 1_000
const RESERVED = ['fields', 'limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir']
/** Attributes whose filters mean more than equality: the service has applied them. */
const APPLIED = new Set(['tags', 'fixed_ips'])

/** @throws {Problem} bad_request for a limit that is no number, and for paging backwards. */
export function listQuery(query: URLSearchParams): ListQuery {
  if (query.size > MAX_PARAMETERS) throw badRequest(`More than ${MAX_PARAMETERS} query parameters are too many.`)
  if (/^(true|1|t|yes)$/i.test(query.get('page_reverse') ?? '')) {
    throw badRequest('page_reverse is not supported: follow the "next" links instead.')
  }
  const filters = new Map<string, string[]>()
  for (const [name, value] of query) {
    // PostgreSQL has no text with a NUL in it.
    if (value.includes('\0')) throw badRequest('A query parameter has a NUL character.')
    if (RESERVED.includes(name)) continue
    filters.set(name, [...(filters.get(name) ?? []), value])
  }
  const directions = query.getAll('sort_dir')
  const wrong = directions.find((direction) => direction !== 'asc' && direction !== 'desc')
  if (wrong !== undefined) throw badRequest(`sort_dir must be asc or desc.`)
  const sort = query.getAll('sort_key').map((key, index) => ({ key, descending: directions[index] === 'desc' }))
  return {
    listing: { filters, sort, limit: limitOf(query.get('limit')), marker: query.get('marker') },
    fields: query.getAll('fields'),
  }
}

function limitOf(text: string | null): number | null {
  if (text === null || text === '') return null
  if (!/^\d{1,9}$/.test(text)) throw badRequest('limit must be a number of entries.')
  // Neutron's 0 is no limit.
  return Number(text) === 0 ? MAX_PAGE : Number(text)
}

export type View = Readonly<Record<string, unknown>>

/** Whether a rendered resource has one of the values of each filter; an attribute it does not have filters nothing. */
export function matches(view: View, filters: Listing['filters']): boolean {
  return [...filters].every(([name, values]) => {
    if (!Object.hasOwn(view, name) || APPLIED.has(name)) return true
    const value = view[name]
    if (Array.isArray(value))
      return value.some((each) => typeof each !== 'string') || values.some((v) => value.includes(v))
    if (typeof value === 'boolean') return values.some((text) => /^(true|t|yes|on|1)$/i.test(text) === value)
    if (typeof value === 'object' && value !== null) return true
    return values.includes(String(value ?? ''))
  })
}

/** Only the attributes asked for. */
export function select(view: View, fields: readonly string[]): View {
  if (fields.length === 0) return view
  return Object.fromEntries(Object.entries(view).filter(([name]) => fields.includes(name)))
}
