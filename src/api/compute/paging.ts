import { integer } from './fields.ts'
import type { Asked } from './route.ts'
import type { View } from './view.ts'

export interface Page {
  /** At least 0, at most `[api] max_limit`. */
  readonly limit: number
  readonly marker: string | null
}

/** The page a query asks for. Of a key that stands there twice the last counts, as in Nova. */
export function pageOf(
  query: { readonly limit?: readonly (number | string)[]; readonly marker?: readonly string[] },
  maxLimit: number,
): Page {
  const asked = query.limit?.at(-1)
  return {
    limit: asked === undefined ? maxLimit : Math.min(integer(asked), maxLimit),
    marker: query.marker?.at(-1) ?? null,
  }
}

/** `{ <name>: [...], <name>_links: [next] }`; the link only after a full page, as there may be more. */
export function paged<S, N extends string>(
  req: Asked,
  name: N,
  items: readonly S[],
  { view, page, marker, links = `${name}_links`, wrap }: PagedOptions<S>,
): Record<N, Record<string, unknown>[]> {
  const answer: Record<string, unknown> = {
    [name]: items.map((item) => (wrap ? { [wrap]: req.as(view, item) } : req.as(view, item))),
  }
  const last = items.at(-1)
  if (page && last !== undefined && items.length >= page.limit) {
    answer[links] = [req.links.next(req.call.query, marker(last))]
  }
  return answer as Record<N, Record<string, unknown>[]>
}

export interface PagedOptions<S> {
  readonly view: View<S>
  /** Null where this version of the list has no pages. */
  readonly page: Page | null
  readonly marker: (item: S) => string
  readonly links?: string
  /** Each item alone under a key: Nova's keypairs. */
  readonly wrap?: string
}
