import type { CatalogEntry, Identity, IssuedToken, Scope, TokenInfo } from '../../identity/index.ts'
import { notFound, Problem } from '../../kernel/index.ts'
import type { Answer, Call, HttpRoute } from '../../platform/http/index.ts'
import type { Policy } from '../../platform/policy/index.ts'
import { authRequest } from './auth-request.ts'
import { tokenOf } from './authenticator.ts'
import { catalogBase, catalogView } from './catalog.ts'
import { authorise, openRoute } from './route.ts'

/** Tokens: issue, show, check and revoke. What they are about stands in headers, so these routes are not as others. */
export function tokenRoutes(identity: Identity, policy: Policy): HttpRoute[] {
  /** The token that a request is about, if its sender may do this to it. */
  function subject(call: Call, rule: string): IssuedToken {
    const sender = tokenOf(identity, call)
    const token = call.request.headers.get('x-subject-token')
    const info = token ? known(identity, token) : undefined
    if (!token || !info) throw notFound('Could not find token.')
    const ctx = identity.contextOf(sender, call.requestId)
    authorise(policy, rule, ctx, { 'target.token.user_id': info.user.id })
    return { token, info }
  }

  return [
    openRoute('POST', '/v3/auth/tokens', async (call) =>
      tokenAnswer(201, await identity.authenticate(authRequest(await call.json())), catalogFor(identity, call)),
    ),
    openRoute('GET', '/v3/auth/tokens', (call) => {
      const rule = call.method === 'HEAD' ? 'identity:check_token' : 'identity:validate_token'
      return tokenAnswer(200, subject(call, rule), catalogFor(identity, call))
    }),
    openRoute('DELETE', '/v3/auth/tokens', async (call) => {
      await identity.revokeToken(subject(call, 'identity:revoke_token').info)
      return { status: 204 }
    }),
  ]
}

function known(identity: Identity, token: string): TokenInfo | undefined {
  try {
    return identity.verify(token)
  } catch (error) {
    if (error instanceof Problem && error.kind === 'unauthorized') return undefined
    throw error
  }
}

type CatalogFor = (scope: Scope) => CatalogEntry[] | undefined

/** Tokens without a scope have no catalog, as with Keystone; `?nocatalog` leaves it out. */
function catalogFor(identity: Identity, call: Call): CatalogFor {
  return (scope) => {
    if (scope.kind === 'unscoped' || call.query.has('nocatalog')) return undefined
    return identity.catalog.entries(catalogBase(call), scope.kind === 'project' ? scope.project.id : undefined)
  }
}

function tokenAnswer(status: number, { token, info }: IssuedToken, catalog: CatalogFor): Answer {
  const entries = catalog(info.scope)
  return {
    status,
    headers: { 'x-subject-token': token },
    body: { token: { ...tokenView(info), ...(entries ? { catalog: entries.map(catalogView) } : {}) } },
  }
}

function tokenView(info: TokenInfo) {
  return {
    methods: info.methods,
    user: { ...info.user, password_expires_at: null },
    audit_ids: info.auditIds,
    expires_at: timestamp(info.expiresAt_s),
    issued_at: timestamp(info.issuedAt_s),
    ...scopeView(info),
    ...(info.applicationCredential ? { application_credential: info.applicationCredential } : {}),
  }
}

function scopeView({ scope, roles }: TokenInfo): object {
  switch (scope.kind) {
    case 'unscoped':
      return {}
    case 'project':
      return { project: scope.project, is_domain: false, roles }
    case 'domain':
      return { domain: scope.domain, roles }
    case 'system':
      return { system: { all: true }, roles }
  }
}

/** With microseconds, which clients parse. */
function timestamp(time_s: number): string {
  return new Date(time_s * 1000).toISOString().replace('Z', '000Z')
}
