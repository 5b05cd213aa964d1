import { expect, test } from 'bun:test'
import { filtered, fleetOf, policyOf, requestFor } from '../../../test/support/fleet.ts'
import { metricsFilter } from '../filters/metrics.ts'
import { type MetricsOptions, metricWeights } from '../metric-weights.ts'
import { plan } from '../plan.ts'
import { metricsWeigher } from './metrics.ts'

const OPTIONS: MetricsOptions = {
  weight_multiplier: 1,
  weight_setting: ['cpu.percent=-1', 'net=0.5'],
  required: false,
  weight_of_unavailable: -10_000,
}
const fleet = fleetOf(
  { metrics: { 'cpu.percent': 30, net: 20 } },
  { metrics: { 'cpu.percent': 10, net: 20 } },
  { metrics: { 'cpu.percent': 10, net: Number.NaN } },
  {},
)

test('measurements are weighed by their ratios, and a host without them like weight_of_unavailable', () => {
  const policy = policyOf({ weighers: metricsWeigher({ ...OPTIONS, weight_of_unavailable: -40 }) })
  const { candidates } = plan(policy, fleet, requestFor({}, { count: 4 }))
  expect(candidates.map(({ host, weight }) => [host.row.id, weight])).toEqual([
    [2, 1],
    [1, 0.5],
    [3, 0],
    [4, 0],
  ])
})

test('only hosts that report every metric as a number pass MetricsFilter', () => {
  const { passed, says } = filtered(metricsFilter, fleet, requestFor(), { metrics: metricWeights(OPTIONS) })
  expect(passed).toEqual([1, 2])
  expect(filtered(metricsFilter, fleetOf({}), requestFor(), { metrics: metricWeights(OPTIONS) }).says).toBe(
    'No valid host was found: 1 of 1 host does not report the metrics cpu.percent, net.',
  )
  expect(says).not.toBe('')
})

test('without a setting nothing is weighed', () => {
  expect(metricsWeigher({ ...OPTIONS, weight_setting: [] })).toEqual([])
})

test.each(['cpu', 'cpu=', '=1', 'cpu=many', 'cpu=1=2'])('the setting %p ends the start with its option', (setting) => {
  expect(() => metricsWeigher({ ...OPTIONS, weight_setting: [setting] })).toThrow('[metrics] weight_setting')
})
