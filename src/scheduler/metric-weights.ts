import type { Host } from './host.ts'

/** `[metrics]`: which measurements of hosts count, and for how much. */
export interface MetricsOptions {
  readonly weight_multiplier: number
  /** `name=ratio`, each. */
  readonly weight_setting: readonly string[]
  /** Whether a host that lacks one of them is passed over. */
  readonly required: boolean
  /** What such a host weighs if it is not. */
  readonly weight_of_unavailable: number
}

export interface MetricWeight {
  readonly name: string
  readonly ratio: number
}

/** @throws {Error} naming the option, for an entry that is not `name=ratio`. */
export const metricWeights = ({ weight_setting }: MetricsOptions): readonly MetricWeight[] =>
  ratiosOf(weight_setting, '[metrics] weight_setting')

/** Entries of an option. @throws {Error} naming it, for one that is not `name=ratio` */
export function ratiosOf(entries: readonly string[], option: string): readonly MetricWeight[] {
  return entries.map((entry) => {
    const [name = '', ratio = '', ...more] = entry.split('=').map((part) => part.trim())
    if (name === '' || ratio === '' || more.length > 0 || !Number.isFinite(Number(ratio))) {
      throw new Error(`${option}: "${entry}" is not name=ratio`)
    }
    return { name, ratio: Number(ratio) }
  })
}

/** A measurement of a host; undefined where it reports none, or one that is no number. */
export function metricOf({ row: { metrics } }: Host, name: string): number | undefined {
  if (metrics === undefined || !Object.hasOwn(metrics, name)) return undefined
  const value = metrics[name]
  return Number.isFinite(value) ? value : undefined
}
