import { ratiosOf } from '../metric-weights.ts'
import { type ChosenWeigher, checkedMultiplier, type Weigher } from './weigher.ts'

export interface ImagePropertiesOptions {
  readonly image_props_weight_multiplier: number
  /** `name=ratio`, each; without any, all properties count alike. */
  readonly image_props_weight_setting: readonly string[]
}

/**
 * Servers on the host whose images have the properties of the requested one, each property counted for itself. The hosts
 * tell of it only where the multiplier is not 0.
 * @throws {Error} for a setting or multiplier that cannot be
 */
export function imagePropertiesWeigher(options: ImagePropertiesOptions): readonly ChosenWeigher[] {
  const { image_props_weight_multiplier: multiplier, image_props_weight_setting } = options
  const ratios = new Map(
    ratiosOf(image_props_weight_setting, '[filter_scheduler] image_props_weight_setting').map(({ name, ratio }) => [name, ratio]),
  )
  if (multiplier === 0) return []
  const weigher: Weigher = {
    name: 'ImagePropertiesWeigher',
    weighs: ({ image_properties }) => {
      const wanted = Object.entries(image_properties).flatMap(([name, value]): [string, number][] => {
        const ratio = ratios.size === 0 ? 1 : (ratios.get(name) ?? 0)
        return ratio === 0 ? [] : [[`${name}=${value}`, ratio]]
      })
      if (wanted.length === 0) return null
      return {
        kind: 'value',
        key: `image properties ${JSON.stringify(wanted)}`,
        of: ({ row: { image_properties: counts = {} } }) =>
          wanted.reduce((sum, [property, ratio]) => sum + ratio * countOf(counts, property), 0),
      }
    },
    floor: null,
    option: 'image_props_weight_multiplier',
  }
  return [{ weigher, multiplier: checkedMultiplier(multiplier, weigher.option) }]
}

const countOf = (counts: Readonly<Record<string, number>>, property: string): number =>
  Object.hasOwn(counts, property) ? (counts[property] as number) : 0
