import { type Filter, verb } from './filter.ts'

/** None of the servers of the hint `different_host` is on the host. */
export const differentHostFilter: Filter = {
  name: 'DifferentHostFilter',
  asks: ({ hints }) =>
    hints?.different_host === undefined
      ? []
      : [
          {
            kind: 'host_not_in',
            hosts: hints.different_host,
            says: (r) => `${verb(r, 'has', 'have')} a server of the hint different_host`,
          },
        ],
}

/** One of the servers of the hint `same_host` is on the host. */
export const sameHostFilter: Filter = {
  name: 'SameHostFilter',
  asks: ({ hints }) =>
    hints?.same_host === undefined
      ? []
      : [
          {
            kind: 'host_in',
            hosts: hints.same_host,
            says: (r) => `${verb(r, 'has', 'have')} no server of the hint same_host`,
          },
        ],
}
