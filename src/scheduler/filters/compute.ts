import { type Condition, type Filter, has, verb } from './filter.ts'

const CONDITIONS: readonly Condition[] = [
  has('enabled', (r) => `${verb(r, 'is', 'are')} disabled`),
  has('up', (r) => `${verb(r, 'is', 'are')} down`),
]

/** The host's nova-compute service is enabled, and was heard of within `service_down_time`. */
export const computeFilter: Filter = { name: 'ComputeFilter', asks: () => CONDITIONS }
