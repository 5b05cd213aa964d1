import type { Listing } from '../../identity/index.ts'
import type { Call } from '../../platform/http/index.ts'

/** Link to a resource of this API. */
export function self(call: Call, ...path: string[]): { self: string } {
  return { self: `${call.baseUrl}/v3/${path.map(encodeURIComponent).join('/')}` }
}

/** A list in Keystone's envelope. `truncated` appears only when something was left out. */
export function collection<T>(call: Call, name: string, list: Listing<T>, view: (item: T) => unknown): unknown {
  const query = new URL(call.request.url).search
  return {
    [name]: list.items.map(view),
    links: { next: null, previous: null, self: `${call.baseUrl}${call.path}${query}` },
    ...(list.truncated ? { truncated: true } : {}),
  }
}

/** A list that is whole. */
export function whole<T>(items: readonly T[]): Listing<T> {
  return { items, truncated: false }
}
