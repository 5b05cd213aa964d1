/** A thing as tokens name it. Names are those at the time of issue. */
export interface Named {
  readonly id: string
  readonly name: string
}

export interface NamedInDomain extends Named {
  readonly domain: Named
}

export type Scope =
  | { readonly kind: 'unscoped' }
  | { readonly kind: 'project'; readonly project: NamedInDomain }
  | { readonly kind: 'domain'; readonly domain: Named }
  | { readonly kind: 'system' }

export type AuthMethod = 'password' | 'token' | 'application_credential'

/** What a token says of its bearer. It is all inside the token: reading it needs no query. */
export interface TokenInfo {
  /** The token's own id first, then that of the token its chain began with. Safe to log, unlike the token. */
  readonly auditIds: readonly [string, ...string[]]
  readonly methods: readonly AuthMethod[]
  readonly user: NamedInDomain
  readonly scope: Scope
  /** Effective roles in the scope, implied ones included, ordered by name. */
  readonly roles: readonly Named[]
  /** Set when an application credential was used; a restricted one may not make further credentials. */
  readonly applicationCredential: { readonly id: string; readonly restricted: boolean } | null
  /** Seconds since the epoch, whole: Keystone's tokens have no fractions either. */
  readonly issuedAt_s: number
  readonly expiresAt_s: number
  /** Reading of the revocation clock at the moment the rights were read. */
  readonly tick: number
}

/** Where and on what a set of roles was granted: the subject of a revocation of kind `grant`. */
export function grantSubject(userId: string, scope: 'project' | 'domain' | 'system', scopeId: string): string {
  return `${userId}/${scope}/${scopeId}`
}

/** The `scope_id` of roles on the whole system. */
export const SYSTEM_SCOPE_ID = 'all'
