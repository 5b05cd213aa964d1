import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { filtered, fleetOf, requestFor } from '../../../test/support/fleet.ts'
import { jsonFilter } from './json.ts'
import { MAX_QUERY_CHARS } from './query.ts'

const fleet = fleetOf({ memory_mb: 2_048, local_gb: 10, cpu_info: { arch: 'x86_64' }, node: 'n1' })
const passes = (query: unknown) => {
  const text = typeof query === 'string' ? query : JSON.stringify(query)
  return filtered(jsonFilter, fleet, requestFor({}, { hints: { query: text } })).passed.length === 1
}

test.each<[unknown, boolean]>([
  [['=', '$free_ram_mb', 2_048], true],
  [['and', ['>=', '$free_ram_mb', 1_024], ['>=', '$free_disk_mb', 10 * 1024]], true],
  [['and', ['>=', '$free_ram_mb', 1_024], ['>', '$free_disk_mb', 10 * 1024]], false],
  [['=', '$cpu_info.arch', 'x86_64'], true],
  [['<', 1, 2, 3], true],
  [['<', 1, 2, 0], false],
  [['<=', 1, 1], true],
  [['in', 'a', 'b', 'a'], true],
  [['in', 'a'], false],
  [['not', ['=', 1, 1], ['=', 1, 2]], true],
  [['not', ['=', '$hypervisor_hostname', 'n1']], false],
  // A list is true when it is not empty, whatever it has.
  [['and', ['not', ['=', 1, 1]]], true],
  [['=', '$nope', 1], false],
  [['=', '$cpu_info.arch.deeper', 1], false],
  [['=', '$constructor.name', 'Object'], false],
  [['=', '1', 1], false],
  [['=', true, 1], true],
  [['<', 'a', 'b'], true],
  [['or'], false],
  [['and'], true],
  [[], true],
  ['', true],
  [['or', []], true],
])('%j is %p', (query, passed) => {
  expect(passes(query)).toBe(passed)
})

describe('a query that says nothing', () => {
  test.each([
    ['{', 'it is not JSON'],
    ['{}', 'an expression is a list'],
    ['"and"', 'an expression is a list'],
    ['["xor", 1]', '"xor" is none of'],
    ['[["and"]]', 'is none of'],
    ['["=", {}, 1]', 'an argument is'],
    ['['.repeat(20) + ']'.repeat(20), 'is none of'],
    [`${'["not",'.repeat(20)}1${']'.repeat(20)}`, 'nested deeper than 16'],
    [`["=", "${'x'.repeat(MAX_QUERY_CHARS)}"]`, 'longer than'],
  ])('%s is refused: %s', (query, why) => {
    expect(() => passes(query)).toThrow(`Invalid scheduler hint query: `)
    expect(() => passes(query)).toThrow(why)
  })

  test('is refused and not thrown over, whatever it is', () => {
    fc.assert(
      fc.property(fc.json(), (query) => {
        try {
          passes(query)
        } catch (error) {
          expect(String(error)).toContain('Invalid scheduler hint query')
        }
      }),
    )
  })
})

test('the sentence names the hint', () => {
  const asked = filtered(jsonFilter, fleet, requestFor({}, { hints: { query: '["=", 1, 2]' } }))
  expect(asked.says).toBe('No valid host was found: 1 of 1 host does not match the hint query.')
})
