import { badRequest } from '../../kernel/index.ts'
import type { PageRequest } from '../../identity/index.ts'

/** Longest value of a filter that is looked at: names and ids are shorter. */
const MAX_VALUE_LENGTH = 255

/** The value of a filter, undefined when it is not set. @throws {Problem} bad_request when it is too long */
export function text(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name)
  if (value === null) return undefined
  if (value.length > MAX_VALUE_LENGTH) throw badRequest(`The value of the query parameter ${name} is too long.`)
  return value
}

/** A truth value as Keystone reads it: set and neither `0` nor any spelling of `false`. */
export function flag(query: URLSearchParams, name: string): boolean | undefined {
  const value = text(query, name)
  return value === undefined ? undefined : !/^(0|false|f|no|n|off)$/i.test(value.trim())
}

export function page(query: URLSearchParams): PageRequest {
  const limit = text(query, 'limit')
  const marker = text(query, 'marker')
  if (limit !== undefined && !/^\d{1,9}$/.test(limit)) throw badRequest('limit must be a number of entries.')
  return { marker, limit: limit === undefined || limit === '0' ? undefined : Number(limit) }
}
