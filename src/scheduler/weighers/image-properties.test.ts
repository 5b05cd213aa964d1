import { expect, test } from 'bun:test'
import { fleetOf, policyOf, requestFor } from '../../../test/support/fleet.ts'
import { plan } from '../plan.ts'
import { imagePropertiesWeigher } from './image-properties.ts'

const fleet = fleetOf(
  { image_properties: { 'os_distro=debian': 1 } },
  { image_properties: { 'os_distro=debian': 3, 'hw_machine_type=q35': 1 } },
  { image_properties: { 'os_distro=fedora': 9, 'hw_machine_type=q35': 2 } },
  {},
)

function weighed(setting: string[], image_properties: Record<string, string>, multiplier = 1) {
  const weighers = imagePropertiesWeigher({
    image_props_weight_multiplier: multiplier,
    image_props_weight_setting: setting,
  })
  const { candidates } = plan(policyOf({ weighers }), fleet, requestFor({}, { count: 4, image_properties }))
  return candidates.map(({ host, weight }) => [host.row.id, weight])
}

test('hosts whose servers come from images like the one requested weigh more', () => {
  expect(weighed([], { os_distro: 'debian', hw_machine_type: 'q35' })).toEqual([
    [2, 1],
    [3, 0.5],
    [1, 0.25],
    [4, 0],
  ])
})

test('a setting names the properties that count, and for how much', () => {
  const image = { os_distro: 'debian', hw_machine_type: 'q35' }
  expect(weighed(['hw_machine_type=2'], image).map(([id]) => id)).toEqual([3, 2, 1, 4])
  expect(weighed(['hw_machine_type=2'], image, -1).map(([id]) => id)).toEqual([1, 4, 2, 3])
})

test('an image without properties, and a multiplier of 0, weigh nothing', () => {
  expect(weighed([], {}).map(([, weight]) => weight)).toEqual([0, 0, 0, 0])
  expect(imagePropertiesWeigher({ image_props_weight_multiplier: 0, image_props_weight_setting: [] })).toEqual([])
})

test.each([
  [1, ['os_distro'], 'image_props_weight_setting'],
  [Number.NaN, [], 'image_props_weight_multiplier'],
])('multiplier %p with the setting %p ends the start with its option', (multiplier, setting, option) => {
  const options = { image_props_weight_multiplier: multiplier, image_props_weight_setting: setting }
  expect(() => imagePropertiesWeigher(options)).toThrow(`[filter_scheduler] ${option}`)
})
