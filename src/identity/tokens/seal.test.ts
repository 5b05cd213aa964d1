import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { MAX_TOKEN_LENGTH, newSealingKey, seal, type SealingKey, unseal } from './seal.ts'
import type { Scope, TokenInfo } from './token.ts'

const key = newSealingKey()
const keys = ring(key)

describe('a token', () => {
  const scopes: Scope[] = [
    { kind: 'unscoped' },
    { kind: 'system' },
    { kind: 'domain', domain: { id: 'd', name: 'Dömäne' } },
    { kind: 'project', project: { id: 'p', name: 'admin', domain: { id: 'default', name: 'Default' } } },
  ]
  test.each(scopes)('gives back what was sealed into it: $kind', (scope) => {
    const info = tokenInfo({ scope, applicationCredential: { id: 'ac', restricted: true } })
    expect(unseal(seal(info, key), keys)).toEqual(info)
  })

  test('shows nothing of its content', () => {
    const bytes = Buffer.from(seal(tokenInfo(), key), 'base64url')
    expect(bytes.includes('alice')).toBe(false)
    expect(seal(tokenInfo(), key)).not.toBe(seal(tokenInfo(), key))
  })

  test('of usual names fits well into a header', () => {
    expect(seal(tokenInfo(), key).length).toBeLessThan(600)
  })

  test('that would not fit into a header is not made', () => {
    const roles = Array.from({ length: 200 }, (_, n) => ({ id: `${n}`.padStart(32, '0'), name: `role-${n}` }))
    expect(() => seal(tokenInfo({ roles }), key)).toThrow('do not fit into a token')
  })
})

describe('unsealing refuses', () => {
  const token = seal(tokenInfo(), key)

  test('a token in which any one character was changed', () => {
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A'
      expect(unseal(token.slice(0, at) + other + token.slice(at + 1), keys)).toBeUndefined()
    }
  })

  test('every shortened token', () => {
    for (let length = 0; length < token.length; length++) {
      expect(unseal(token.slice(0, length), keys)).toBeUndefined()
    }
  })

  test('other spellings of the same bytes', () => {
    expect(unseal(`${token}=`, keys)).toBeUndefined()
    expect(unseal(`${token} `, keys)).toBeUndefined()
    expect(unseal(`${token.slice(0, 10)}\n${token.slice(10)}`, keys)).toBeUndefined()
  })

  test('a token of a key that is gone, or of another with the same id', () => {
    expect(unseal(token, ring(newSealingKey()))).toBeUndefined()
    expect(unseal(token, ring({ id: key.id, secret: newSealingKey().secret }))).toBeUndefined()
  })

  test('whatever else comes, without throwing', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array).toString('base64url'))
    const header = Buffer.concat([Buffer.of(1), Buffer.from(key.id, 'hex')])
    const nearly = fc
      .uint8Array({ minLength: 20, maxLength: 200 })
      .map((array) => Buffer.concat([header, array]).toString('base64url'))
    fc.assert(
      fc.property(fc.oneof(fc.string(), bytes, nearly), (text) => {
        expect(unseal(text, keys)).toBeUndefined()
      }),
    )
    expect(unseal('A'.repeat(MAX_TOKEN_LENGTH + 4), keys)).toBeUndefined()
  })
})

function ring(...members: SealingKey[]): ReadonlyMap<string, SealingKey> {
  return new Map(members.map((member) => [member.id, member]))
}

function tokenInfo(overrides: Partial<TokenInfo> = {}): TokenInfo {
  const id = 'f'.repeat(32)
  return {
    auditIds: ['2Nww6v8ZR36D88_k7g0KYQ'],
    methods: ['password'],
    user: { id, name: 'alice', domain: { id: 'default', name: 'Default' } },
    scope: { kind: 'project', project: { id, name: 'admin', domain: { id: 'default', name: 'Default' } } },
    roles: ['admin', 'manager', 'member', 'reader'].map((name) => ({ id, name })),
    applicationCredential: null,
    issuedAt_s: 1_800_000_000,
    expiresAt_s: 1_800_003_600,
    tick: 7,
    ...overrides,
  }
}
