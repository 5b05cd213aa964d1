import { type MetricsOptions, metricOf, metricWeights } from '../metric-weights.ts'
import type { ChosenWeigher, Weigher } from './weigher.ts'

/**
 * The measurements of `[metrics] weight_setting`, each times its ratio; off where there are none.
 *
 * A host that lacks one weighs `weight_of_unavailable`. Nova fails the request instead when the metrics are required;
 * here MetricsFilter then is asked, enabled or not, so that only the host is passed over.
 * @throws {Error} for a setting that cannot be
 */
export function metricsWeigher(options: MetricsOptions): readonly ChosenWeigher[] {
  const weights = metricWeights(options)
  if (weights.length === 0 || options.weight_multiplier === 0) return []
  const weigher: Weigher = {
    name: 'MetricsWeigher',
    weighs: () => ({
      kind: 'value',
      key: `metrics ${JSON.stringify(weights)}`,
      of: (host) => {
        let sum = 0
        for (const { name, ratio } of weights) {
          const value = metricOf(host, name)
          if (value === undefined) return options.weight_of_unavailable
          sum += value * ratio
        }
        return sum
      },
    }),
    floor: null,
    option: 'metrics_weight_multiplier',
  }
  return [{ weigher, multiplier: options.weight_multiplier }]
}
