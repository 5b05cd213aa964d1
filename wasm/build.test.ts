import { expect, test } from 'bun:test'
import { isCurrent } from './build.ts'

test('the committed core is, byte for byte, what its source compiles to', async () => {
  expect(await isCurrent()).toBe(true)
}, 30_000)
