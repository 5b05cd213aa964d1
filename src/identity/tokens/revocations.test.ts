import { expect, test } from 'bun:test'
import { createRevocationList, type RevocationKind } from './revocations.ts'
import type { TokenInfo } from './token.ts'

const info: TokenInfo = {
  auditIds: ['audit', 'first'],
  methods: ['password', 'token'],
  user: { id: 'u', name: 'alice', domain: { id: 'ud', name: 'Users' } },
  scope: { kind: 'project', project: { id: 'p', name: 'web', domain: { id: 'pd', name: 'Projects' } } },
  roles: [{ id: 'r', name: 'member' }],
  applicationCredential: { id: 'ac', restricted: true },
  issuedAt_s: 0,
  expiresAt_s: 100,
  tick: 5,
}

const subjects: [RevocationKind, string][] = [
  ['token', 'audit'],
  ['user', 'u'],
  ['domain', 'ud'],
  ['domain', 'pd'],
  ['project', 'p'],
  ['grant', 'u/project/p'],
  ['role', 'r'],
  ['credential', 'ac'],
]

test.each(subjects)('a revocation of %s %s ends the tokens whose rights were read before it', (kind, subject) => {
  const list = createRevocationList()
  list.update([{ tick: 5, kind, subject, expiresAt_s: 100 }], 0)
  expect(list.has(info)).toBe(false)
  list.update([{ tick: 6, kind, subject, expiresAt_s: 100 }], 0)
  expect(list.has(info)).toBe(true)
  expect(list.has({ ...info, tick: 6 })).toBe(false)
})

test('revocations of something else leave a token alone', () => {
  const list = createRevocationList()
  const others: [RevocationKind, string][] = [
    ['token', 'first'],
    ['user', 'p'],
    ['project', 'u'],
    ['grant', 'u/domain/p'],
    ['grant', 'u/system/all'],
  ]
  list.update(
    others.map(([kind, subject], index) => ({ tick: 6 + index, kind, subject, expiresAt_s: 100 })),
    0,
  )
  expect(list.has(info)).toBe(false)
})

test('a token on the system or a domain ends with its grant there', () => {
  const list = createRevocationList()
  const onSystem: TokenInfo = { ...info, scope: { kind: 'system' } }
  const onDomain: TokenInfo = { ...info, scope: { kind: 'domain', domain: { id: 'd', name: 'D' } } }
  list.update([{ tick: 6, kind: 'grant', subject: 'u/system/all', expiresAt_s: 100 }], 0)
  expect([list.has(onSystem), list.has(onDomain)]).toEqual([true, false])
  list.update([{ tick: 7, kind: 'grant', subject: 'u/domain/d', expiresAt_s: 100 }], 0)
  expect(list.has(onDomain)).toBe(true)
})

test('a revocation is forgotten when no token it could end lives any more', () => {
  const list = createRevocationList()
  list.update([{ tick: 6, kind: 'user', subject: 'u', expiresAt_s: 100 }], 99)
  expect(list.has(info)).toBe(true)
  list.update([], 101)
  expect(list.has(info)).toBe(false)
  expect(list.lastTick).toBe(6)
})
