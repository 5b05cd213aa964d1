import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Problem } from '../../kernel/index.ts'
import { parseJson } from './json.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const hasNul = (text: string) => text.includes('\\u0000')
const hasProto = (text: string) => text.includes('"__proto__"')

test('what JSON.stringify writes is read back the same, indented or not', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom(0, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      fc.pre(!hasNul(text) && !hasProto(text))
      expect(parseJson(bytes(text))).toEqual(JSON.parse(text))
    }),
  )
})

test('no bytes do anything but be read as JSON.parse does, or be refused', () => {
  const token = fc.constantFrom('{', '}', '[', ']', ':', ',', '"a"', '"\\u0061"', '"', '\\', '1', 'null', ' ')
  const text = fc.oneof(
    fc.array(token).map((tokens) => tokens.join('')),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.oneof(text.map(bytes), fc.uint8Array()), (body) => {
      let parsed: unknown
      try {
        parsed = parseJson(body)
      } catch (error) {
        expect(error).toBeInstanceOf(Problem)
        return
      }
      expect(parsed).toEqual(JSON.parse(new TextDecoder().decode(body)))
    }),
    { numRuns: 1000 },
  )
})

test('a key is a duplicate however it is escaped, but only within its object', () => {
  const object = (first: string, second: string) => bytes(`{"x":[{${first}:1,${second}:{}}]}`)
  expect(() => parseJson(object('"key"', '"key"'))).toThrow("the key 'key' occurs twice")
  expect(() => parseJson(object('"key"', '"k\\u0065y"'))).toThrow("the key 'key' occurs twice")
  expect(parseJson(object('"key"', '"Key"'))).toEqual({ x: [{ key: 1, Key: {} }] })
  expect(parseJson(bytes('{"a":{"a":{"a":"a"}},"b":["a","a"]}'))).toEqual({ a: { a: { a: 'a' } }, b: ['a', 'a'] })
})
