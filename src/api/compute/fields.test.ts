import { describe, expect, test } from 'bun:test'
import type { TSchema } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import {
  Base64,
  Bool,
  boolean,
  canonicalUuid,
  DateTime,
  dateTime,
  Description,
  Fqdn,
  Int,
  integer,
  Ip,
  KeypairName,
  Metadata,
  Name,
  Pattern,
  PlainKeypairName,
  Tag,
  Uuid,
} from './fields.ts'

const accepts = (schema: TSchema, value: unknown): boolean => TypeCompiler.Compile(schema).Check(value)

const ID = '70a599e0-31e7-49b7-b260-868f441e862b'

describe.each<[string, TSchema, unknown[], unknown[]]>([
  [
    'a name',
    Name,
    ['a', 'web 1', 'größe', '猫', 'x'.repeat(255)],
    ['', ' a', 'a ', 'a\nb', 'a\u0007', 'x'.repeat(256), 7, null, '\u2028x'],
  ],
  ['a description', Description, ['', null, 'a b', 'x'.repeat(255)], ['a\u0000b', 'x'.repeat(256), 5]],
  ['a host name', Fqdn, ['host-1.example', 'h_1'], ['', 'a b', 'a/b', 'x'.repeat(256)]],
  [
    'a UUID',
    Uuid,
    [ID, ID.toUpperCase(), ID.replaceAll('-', ''), `{${ID}}`, `urn:uuid:${ID}`],
    ['', 'x', `${ID}0`, ID.slice(1)],
  ],
  ['an integer', Int(1, 10), [1, 10, '5'], [0, 11, 1.5, '1.0', '', 'x', true, null, '99999999999999999999', -1]],
  ['a boolean', Bool, [true, false, 'True', 'no', '1', 0], ['maybe', '', null, 2, 'TrUe']],
  [
    'metadata',
    Metadata,
    [{}, { 'a-b_c:d.e f': '' }, { k: 'x'.repeat(255) }],
    [{ '': 'v' }, { 'a/b': 'v' }, { k: 1 }, { k: null }, { k: 'x'.repeat(256) }, { ['x'.repeat(256)]: 'v' }, []],
  ],
  ['a tag', Tag, ['a', 'x'.repeat(60)], ['', 'a,b', 'a/b', 'x'.repeat(61)]],
  ['an address', Ip, ['10.0.0.1', '::1'], ['10.0.0', '10.0.0.256', 'x', '']],
  ['base64', Base64(20), ['', 'YQ==', 'YWJj\nZGVm'], ['YQ=', '!', 'YWJjZGVmZ2hpamtsbW5vcHFy']],
  [
    'a time',
    DateTime,
    [
      '2026-01-02',
      '2026-01-02T03:04:05Z',
      '2026-01-02 03:04:05.123456',
      '2026-01-02T03:04+01:00',
      '2026-01-02T03:04:05+0100',
    ],
    ['', 'today', '2026-13-01', '2026-02-30T25:00', '20260102'],
  ],
  ['a pattern', Pattern, ['a', '^a.*b$', '[a-z]+'], ['', '(', '[z-a]']],
  ['a keypair name', KeypairName, ['a b', 'me@home.example', 'k_1-2'], ['', ' a', 'a ', 'a/b', 'ä']],
  ['a keypair name before 2.92', PlainKeypairName, ['a b', 'k_1-2'], ['me@home', 'a.b']],
])('%s', (_name, schema, good, bad) => {
  test.each(good.map((value) => [value]))('may be %p', (value) => expect(accepts(schema, value)).toBe(true))
  test.each(bad.map((value) => [value]))('may not be %p', (value) => expect(accepts(schema, value)).toBe(false))
})

describe('what was accepted is read', () => {
  test('as a boolean', () => {
    expect(['True', 1, 'yes', true].map(boolean)).toEqual([true, true, true, true])
    expect(['False', 0, 'off', false].map(boolean)).toEqual([false, false, false, false])
  })

  test('as an integer', () => expect(['7', 7, '007'].map(integer)).toEqual([7, 7, 7]))

  test('as the one form of a UUID', () => {
    expect([ID, ID.toUpperCase(), ID.replaceAll('-', ''), `{${ID}}`, `urn:uuid:${ID}`].map(canonicalUuid)).toEqual(
      Array.from({ length: 5 }, () => ID),
    )
  })

  test('as a time, which is UTC without a zone', () => {
    expect(dateTime('2026-01-02').toISOString()).toBe('2026-01-02T00:00:00.000Z')
    expect(dateTime('2026-01-02 03:04:05').toISOString()).toBe('2026-01-02T03:04:05.000Z')
    expect(dateTime('2026-01-02T03:04:05+0100').toISOString()).toBe('2026-01-02T02:04:05.000Z')
  })
})
