import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Problem } from '../../kernel/index.ts'
import type { AuthMethod, Named, Scope, TokenInfo } from './token.ts'

/** A key of AES-256-GCM and the four bytes by which a token names it. */
export interface SealingKey {
  /** Eight hex digits. */
  readonly id: string
  readonly secret: Uint8Array
}

/**
 * Longest token made or looked at. HTTP stacks commonly bound all headers together at 16 KiB; a token of usual names
 * and roles has some 500 characters, so only a user with scores of roles in one scope comes near.
 */
export const MAX_TOKEN_LENGTH = 8192

export const KEY_BYTES = 32
/** First byte of a token: the layout that follows. Tokens of another layout are unknown: clients ask for new ones. */
const LAYOUT = 1
const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + KEY_ID_BYTES
const OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES

/**
 * Writes a token: layout, key id, nonce, then the encrypted content with its authentication tag, in base64url.
 * @throws {Problem} forbidden when the content outgrows `MAX_TOKEN_LENGTH`.
 */
export function seal(info: TokenInfo, key: SealingKey): string {
  const nonce = randomBytes(NONCE_BYTES)
  const header = Buffer.concat([Buffer.of(LAYOUT), Buffer.from(key.id, 'hex')])
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce)
  cipher.setAAD(header)
  const content = Buffer.concat([cipher.update(encode(info), 'utf8'), cipher.final()])
  const text = Buffer.concat([header, nonce, content, cipher.getAuthTag()]).toString('base64url')
  if (text.length > MAX_TOKEN_LENGTH) {
    throw new Problem('forbidden', 'The roles held in this scope do not fit into a token; hold fewer of them.')
  }
  return text
}

/** Reads a token, or answers undefined for whatever these keys have not sealed. */
export function unseal(text: string, keys: ReadonlyMap<string, SealingKey>): TokenInfo | undefined {
  if (text.length > MAX_TOKEN_LENGTH) return undefined
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length <= OVERHEAD_BYTES || bytes[0] !== LAYOUT) return undefined
  // Decoding forgives foreign characters and padding; one token must have one spelling only.
  if (bytes.toString('base64url') !== text) return undefined
  const key = keys.get(bytes.toString('hex', 1, HEADER_BYTES))
  if (!key) return undefined
  const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key.secret, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(bytes.subarray(0, HEADER_BYTES))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  try {
    const content = decipher.update(bytes.subarray(HEADER_BYTES + NONCE_BYTES, bytes.length - TAG_BYTES))
    decipher.final()
    return decode(content.toString('utf8'))
  } catch {
    return undefined
  }
}

/** Fresh key material with an id of its own. */
export function newSealingKey(): SealingKey {
  return { id: randomBytes(KEY_ID_BYTES).toString('hex'), secret: randomBytes(KEY_BYTES) }
}

type PackedScope = [] | ['p', ...Pair, ...Pair] | ['d', ...Pair] | ['s']
type Pair = [id: string, name: string]
type Packed = [
  auditIds: [string, ...string[]],
  methods: AuthMethod[],
  user: [...Pair, ...Pair],
  scope: PackedScope,
  roles: Pair[],
  applicationCredential: [id: string, restricted: boolean] | null,
  issuedAt_s: number,
  expiresAt_s: number,
  tick: number,
]

// Positions instead of keys: a token rides on each request.
function encode(info: TokenInfo): string {
  const { user, applicationCredential: credential } = info
  const packed: Packed = [
    [...info.auditIds],
    [...info.methods],
    [user.id, user.name, user.domain.id, user.domain.name],
    packScope(info.scope),
    info.roles.map((role) => [role.id, role.name]),
    credential && [credential.id, credential.restricted],
    info.issuedAt_s,
    info.expiresAt_s,
    info.tick,
  ]
  return JSON.stringify(packed)
}

function decode(text: string): TokenInfo {
  const [auditIds, methods, user, scope, roles, credential, issuedAt_s, expiresAt_s, tick] = JSON.parse(text) as Packed
  return {
    auditIds,
    methods,
    user: { ...named(user[0], user[1]), domain: named(user[2], user[3]) },
    scope: unpackScope(scope),
    roles: roles.map(([id, name]) => named(id, name)),
    applicationCredential: credential && { id: credential[0], restricted: credential[1] },
    issuedAt_s,
    expiresAt_s,
    tick,
  }
}

function packScope(scope: Scope): PackedScope {
  switch (scope.kind) {
    case 'unscoped':
      return []
    case 'system':
      return ['s']
    case 'domain':
      return ['d', scope.domain.id, scope.domain.name]
    case 'project':
      return ['p', scope.project.id, scope.project.name, scope.project.domain.id, scope.project.domain.name]
  }
}

function unpackScope(packed: PackedScope): Scope {
  switch (packed[0]) {
    case undefined:
      return { kind: 'unscoped' }
    case 's':
      return { kind: 'system' }
    case 'd':
      return { kind: 'domain', domain: named(packed[1], packed[2]) }
    case 'p':
      return { kind: 'project', project: { ...named(packed[1], packed[2]), domain: named(packed[3], packed[4]) } }
  }
}

function named(id: string, name: string): Named {
  return { id, name }
}
