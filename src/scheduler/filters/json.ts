import { type Filter, matches, verb } from './filter.ts'
import { parseQuery } from './query.ts'

/** The host is what the hint `query` says. */
export const jsonFilter: Filter = {
  name: 'JsonFilter',
  asks: ({ hints }) => {
    const query = hints?.query
    if (query === undefined) return []
    return [
      matches(`JsonFilter ${query}`, parseQuery(query), (r) => `${verb(r, 'does', 'do')} not match the hint query`),
    ]
  },
}
