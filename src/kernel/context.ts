/**
 * Who asks, as the identity service vouches for it. Made once per request from a verified token and passed as the
 * first argument of every use case; nothing else in a request may change it.
 */
export interface RequestContext {
  readonly requestId: string
  readonly userId: string
  readonly userName: string
  readonly userDomainId: string
  /** Empty for an unscoped or system-scoped token. */
  readonly projectId: string
  readonly projectName: string
  readonly projectDomainId: string
  /** Effective role names, implied ones included (admin ⇒ manager ⇒ member ⇒ reader). */
  readonly roles: readonly string[]
  /** True where the rule `context_is_admin` holds. */
  readonly isAdmin: boolean
  /** `all` for a system-scoped token. */
  readonly systemScope: string | null
}
