import { expect, test } from 'bun:test'
import { Type as T } from '@sinclair/typebox'
import { Problem } from '../../kernel/index.ts'
import { validator } from './index.ts'

const parse = validator(
  T.Object(
    {
      keypair: T.Object(
        {
          name: T.String({ minLength: 1, maxLength: 255 }),
          type: T.Optional(T.Union([T.Literal('ssh'), T.Literal('x509')])),
        },
        { additionalProperties: false },
      ),
      count: T.Optional(T.Integer({ minimum: 1 })),
    },
    { additionalProperties: false },
  ),
  { what: 'keypair body' },
)

function refusal(value: unknown): string {
  try {
    parse(value)
  } catch (error) {
    if (error instanceof Problem && error.kind === 'bad_request') return error.message
    throw error
  }
  throw new Error('was accepted')
}

test('what fits comes back as it is, neither stripped nor coerced', () => {
  const value = { keypair: { name: 'k' }, count: 2 }
  expect(parse(value)).toBe(value)
  expect(refusal({ keypair: { name: 'k' }, count: '2' })).toContain('attribute count. Value: 2. Expected integer')
})

test('a surplus key is named', () => {
  expect(refusal({ keypair: { name: 'k', bogus: 1 } })).toBe(
    'Invalid input for field/attribute keypair. Value: {"name":"k","bogus":1}. ' +
      "Additional properties are not allowed ('bogus' was unexpected)",
  )
  expect(refusal({ keypair: { name: 'k' }, 'a/~b': 1 })).toContain('field/attribute keypair body. Value: {')
  expect(refusal({ keypair: { name: 'k' }, 'a/~b': 1 })).toContain("('a/~b' was unexpected)")
})

test('a missing key is named', () => {
  expect(refusal({ keypair: {} })).toBe(
    "Invalid input for field/attribute keypair. Value: {}. 'name' is a required property",
  )
  expect(refusal(null)).toBe('Invalid input for field/attribute keypair body. Value: null. Expected object')
})

test('a wrong value is echoed, a huge one only in part', () => {
  expect(refusal({ keypair: { name: '' } })).toStartWith('Invalid input for field/attribute name. Value: . ')
  expect(refusal({ keypair: { name: 'x'.repeat(100_000) } }).length).toBeLessThan(400)
  expect(refusal({ keypair: { name: 'k' }, ['y'.repeat(100_000)]: 1 }).length).toBeLessThan(700)
})
