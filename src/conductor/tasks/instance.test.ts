import { expect, test } from 'bun:test'
import { instanceName } from './instance.ts'

test.each([
  ['instance-%08x', 42, 'instance-0000002a'],
  ['vm-%d-x', 42, 'vm-42-x'],
  ['%05d', 42, '00042'],
  ['guest', 42, 'guest'],
  ['instance-%08x', null, 'instance-00000000'],
])('%s of number %p is %s', (template, number, name) => {
  expect(instanceName(template, { number })).toBe(name)
})
