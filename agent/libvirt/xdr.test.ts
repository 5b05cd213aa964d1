import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  array,
  type Codec,
  decode,
  double,
  encode,
  hyper,
  int,
  nothing,
  opaque,
  optional,
  string,
  struct,
  uhyper,
  uint,
  union,
  vector,
  XdrError,
} from './xdr.ts'

/** Codecs with values of theirs. */
const cases: Record<string, [Codec<unknown>, fc.Arbitrary<unknown>]> = {
  int: [int, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })],
  uint: [uint, fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  hyper: [hyper, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  uhyper: [uhyper, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  double: [double, fc.double({ noNaN: true })],
  opaque: [opaque(16), fc.uint8Array({ minLength: 16, maxLength: 16 })],
  string: [string(1000), fc.string({ unit: 'grapheme', maxLength: 50 })],
  optional: [optional(int), fc.option(fc.integer({ min: 0, max: 9 }))],
  array: [array(string(9), 5), fc.array(fc.string({ maxLength: 9 }), { maxLength: 5 })],
  vector: [vector(int, 3), fc.tuple(fc.nat(), fc.nat(), fc.nat())],
  struct: [
    struct({ name: string(20), id: int, tag: optional(uhyper) }),
    fc.record({ name: fc.string({ maxLength: 20 }), id: fc.nat(), tag: fc.option(fc.bigInt(0n, 9n)) }),
  ],
  union: [
    union({ 1: int, 7: string(20) }),
    fc.oneof(
      fc.record({ type: fc.constant(1), value: fc.nat() }),
      fc.record({ type: fc.constant(7), value: fc.string({ maxLength: 20 }) }),
    ),
  ],
  nothing: [nothing, fc.constant({})],
}

describe('XDR', () => {
  for (const [name, [codec, values]] of Object.entries(cases)) {
    test(`${name}: what is written is read again, in whole words`, () => {
      fc.assert(
        fc.property(values, (value) => {
          const bytes = encode(codec, value)
          expect(bytes.length % 4).toBe(0)
          expect(decode(codec, bytes)).toEqual(value)
        }),
      )
    })

    test(`${name}: bytes that are cut short or go on are refused`, () => {
      fc.assert(
        fc.property(values, fc.nat(), (value, at) => {
          const bytes = encode(codec, value)
          expect(() => decode(codec, new Uint8Array([...bytes, 0, 0, 0, 0]))).toThrow(XdrError)
          if (bytes.length > 0) expect(() => decode(codec, bytes.slice(0, at % bytes.length))).toThrow(XdrError)
        }),
      )
    })

    test(`${name}: any bytes are a value or an XdrError`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
          try {
            decode(codec, bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(XdrError)
          }
        }),
      )
    })
  }

  test('is big-endian and padded with zeros', () => {
    const codec = struct({ flags: uint, name: optional(string(99)) })
    const bytes = [0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 6, 0x71, 0x65, 0x6d, 0x75, 0x3a, 0x2f, 0, 0]
    expect([...encode(codec, { flags: 5, name: 'qemu:/' })]).toEqual(bytes)
  })

  test('keeps what was written when it has to grow', () => {
    const codec = struct({ id: int, xml: string(20_000) })
    const value = { id: 1, xml: 'x'.repeat(10_000) }
    expect(decode(codec, encode(codec, value))).toEqual(value)
  })

  test('refuses to write what has no place on the wire', () => {
    const misfits: [Codec<unknown>, unknown][] = [
      [int, 2 ** 31],
      [uint, -1],
      [uint, 1.5],
      [hyper, 2n ** 63n],
      [uhyper, -1n],
      [string(3), 'four'],
      [opaque(2), new Uint8Array(3)],
      [array(int, 1), [1, 2]],
      [vector(int, 2), [1]],
      [union({ 1: int }), { type: 2, value: 0 }],
    ]
    for (const [codec, value] of misfits) expect(() => encode(codec, value)).toThrow(XdrError)
  })

  test('a length that lies costs nothing', () => {
    const claim = new Uint8Array([0, 1, 0, 0, 0, 0, 0, 0])
    expect(() => decode(array(int, 100_000), claim)).toThrow(XdrError)
    expect(() => decode(string(100_000), claim)).toThrow(XdrError)
  })
})
