import { atMost, type Filter, verb } from './filter.ts'

/** The host has fewer servers than `max_instances_per_host`. */
export const numInstancesFilter: Filter = {
  name: 'NumInstancesFilter',
  asks: (_request, { max_instances_per_host: limit }) => [
    atMost(
      'num_instances',
      limit - 1,
      (r) => `${verb(r, 'has', 'have')} ${limit} or more servers (the least has ${r.best})`,
    ),
  ],
}
