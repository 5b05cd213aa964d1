import { type Filter, verb } from './filter.ts'

/** The node was not tried before for this server. */
export const retryFilter: Filter = {
  name: 'RetryFilter',
  asks: ({ retry }) =>
    retry === undefined || retry.length === 0
      ? []
      : [{ kind: 'place_not_in', places: retry, says: (r) => `${verb(r, 'was', 'were')} tried before` }],
}
