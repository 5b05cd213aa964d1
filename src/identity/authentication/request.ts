/** How a request names a domain, user or project: by id, or by a name that is unique within its domain. */
export type DomainRef = { readonly id: string } | { readonly name: string }
export type RefInDomain = { readonly id: string } | { readonly name: string; readonly domain: DomainRef }

export type Credentials =
  | { readonly method: 'password'; readonly user: RefInDomain; readonly password: string }
  | { readonly method: 'token'; readonly token: string }
  | {
      readonly method: 'application_credential'
      readonly credential: { readonly id: string } | { readonly name: string; readonly user: RefInDomain }
      readonly secret: string
    }

export type ScopeRequest =
  /** The user's default project if there is one with a role, else no scope. */
  | { readonly kind: 'default' }
  | { readonly kind: 'unscoped' }
  | { readonly kind: 'system' }
  | { readonly kind: 'project'; readonly project: RefInDomain }
  | { readonly kind: 'domain'; readonly domain: DomainRef }

export interface AuthRequest {
  readonly credentials: Credentials
  readonly scope: ScopeRequest
}
