import { expect, test } from 'bun:test'
import { checkOperands, meets } from './requirement.ts'

test.each([
  ['4', '= 3', true],
  ['4', '>= 5', false],
  ['4', '== 4.0', true],
  ['4', '!= 4', false],
  ['3', '<= 4', true],
  ['x', 's== x', true],
  ['x', 's!= x', false],
  ['10', 's< 9', true],
  ['10', 's<= 10', true],
  ['9', 's> 10', true],
  ['9', 's>= 91', false],
  ['123', '<in> 2', true],
  ['avx sse', '<all-in> sse avx', true],
  ['avx sse', '<all-in> sse mmx', false],
  ['b', '<or> a <or> b', true],
  ['<or>', '<or> a <or> b', false],
  ['a', 'b', false],
  ['', '', true],
  ['a b', 'a b', true],
  ['4', '=', false],
  ['', 's==', false],
  ['many', '>= 1', false],
  ['4', '!= many', false],
  ['', '<= 5', false],
  ['5', '> 4', false],
])('%p against %p is %p', (value, requirement, holds) => {
  expect(meets(value, requirement)).toBe(holds)
})

test('an operator with nothing after it is refused by the name of its key, where filters would compare', () => {
  expect(() => checkOperands({ ok: '>= 4', ssd: ' <in> ' })).toThrow('ssd')
  expect(() => checkOperands({ 'capabilities:cpu_info:arch': 's==' })).toThrow('capabilities:cpu_info:arch')
  expect(() => checkOperands({ 'my:own': '=', plain: 'true', empty: '' })).not.toThrow()
})
