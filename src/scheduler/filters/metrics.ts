import { metricOf } from '../metric-weights.ts'
import { type Filter, matches, verb } from './filter.ts'

/** The host reports every measurement that `[metrics] weight_setting` names. */
export const metricsFilter: Filter = {
  name: 'MetricsFilter',
  asks: (_request, { metrics }) => {
    if (metrics.length === 0) return []
    const names = metrics.map(({ name }) => name).join(', ')
    return [
      matches(
        `MetricsFilter ${names}`,
        (host) => metrics.every(({ name }) => metricOf(host, name) !== undefined),
        (r) => `${verb(r, 'does', 'do')} not report the metrics ${names}`,
      ),
    ]
  },
}
