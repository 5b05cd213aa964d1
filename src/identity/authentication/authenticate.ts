import { randomBytes } from 'node:crypto'
import type { Clock } from '../../kernel/index.ts'
import { Problem } from '../../kernel/index.ts'
import type { GlobalDb } from '../../platform/db/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import { type CredentialLogin, findCredentialLogin } from '../credentials/application-credentials.store.ts'
import type { Passwords } from '../passwords.ts'
import type { Scope, TokenInfo } from '../tokens/token.ts'
import { invalidToken, type IssuedToken, type Tokens } from '../tokens/tokens.ts'
import type { AuthRequest, Credentials, ScopeRequest } from './request.ts'
import { findDomainId, findLogin, findProjectId, readRights, type Rights, type ScopeId } from './rights.store.ts'

export interface Authentication {
  /**
   * Exchanges credentials for a token.
   * @throws {Problem} unauthorized, with one text whatever was wrong: user, password, scope, or no role in the scope;
   *   unavailable with `retry_after_s` when too many passwords wait to be checked.
   */
  authenticate(request: AuthRequest): Promise<IssuedToken>
  /** A token for a user of the cloud's own services, with the rights the user has in the project. */
  issueFor(user: { id: string }, project: { id: string }): Promise<IssuedToken>
}

export interface AuthenticationOptions {
  readonly db: GlobalDb
  readonly clock: Clock
  readonly log: Logger
  readonly passwords: Passwords
  readonly tokens: Tokens
  readonly lifetime_s: number
}

/** Who has proven to be whom, before rights are read. */
interface Proven {
  readonly userId: string
  readonly defaultProjectId: string | null
  /** What the password was checked against; a password changed in the meantime voids the proof. */
  readonly passwordHash?: string | null
  readonly parent?: TokenInfo
  readonly credential?: CredentialLogin
}

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { db, clock, log, passwords, tokens, lifetime_s } = options

  async function prove(credentials: Credentials): Promise<Proven> {
    switch (credentials.method) {
      case 'password':
        return provePassword(credentials)
      case 'token':
        return proveToken(credentials.token)
      case 'application_credential':
        return proveApplicationCredential(credentials)
    }
  }

  async function provePassword(credentials: Credentials & { method: 'password' }): Promise<Proven> {
    const login = await findLogin(db.sql, credentials.user)
    const matches = await passwords.verify(credentials.password, login?.password_hash ?? null)
    if (!login || !matches) {
      log.info({ user_id: login?.id ?? 'unknown' }, 'a password was refused')
      throw invalidToken()
    }
    return { userId: login.id, defaultProjectId: login.default_project_id, passwordHash: login.password_hash }
  }

  async function proveToken(token: string): Promise<Proven> {
    const parent = tokens.verify(token)
    // A credential is for one project and some roles; an exchange would shed those bounds.
    if (parent.applicationCredential) refuse()
    const login = await findLogin(db.sql, { id: parent.user.id })
    return { userId: parent.user.id, defaultProjectId: login?.default_project_id ?? null, parent }
  }

  async function proveApplicationCredential(
    { credential, secret }: Credentials & { method: 'application_credential' },
  ): Promise<Proven> {
    const login = await findCredentialLogin(db.sql, credential)
    const matches = await passwords.verify(secret, login?.secret_hash ?? null)
    const expired = login?.expires_at && login.expires_at.getTime() <= clock.now()
    if (!login || !matches || expired) {
      log.info({ user_id: login?.user_id ?? 'unknown' }, 'an application credential was refused')
      throw invalidToken()
    }
    return { userId: login.user_id, defaultProjectId: login.project_id, credential: login }
  }

  async function locate(scope: ScopeRequest, proven: Proven): Promise<ScopeId> {
    switch (scope.kind) {
      case 'default':
        return proven.defaultProjectId ? { kind: 'project', id: proven.defaultProjectId } : { kind: 'unscoped' }
      case 'project':
        return { kind: 'project', id: (await findProjectId(db.sql, scope.project)) ?? refuse() }
      case 'domain':
        return { kind: 'domain', id: (await findDomainId(db.sql, scope.domain)) ?? refuse() }
      default:
        return scope
    }
  }

  async function issue(proven: Proven, scope: ScopeId, methods: TokenInfo['methods']): Promise<IssuedToken> {
    const { parent, credential } = proven
    const rights = (await readRights(db.sql, { userId: proven.userId, scope, parent, credential })) ?? refuse()
    const stillProven = proven.passwordHash === undefined || rights.password_hash === proven.passwordHash
    if (!rights.user_enabled || rights.parent_revoked || !stillProven) refuse()
    const now_s = Math.floor(clock.now() / 1000)
    const auditId = randomBytes(16).toString('base64url')
    return tokens.issue({
      auditIds: parent ? [auditId, parent.auditIds.at(-1) ?? parent.auditIds[0]] : [auditId],
      methods,
      user: {
        id: rights.user_id,
        name: rights.user_name,
        domain: { id: rights.user_domain_id, name: rights.user_domain_name },
      },
      scope: scopeOf(scope, rights),
      roles: rights.roles,
      applicationCredential: credential ? { id: credential.id, restricted: !credential.unrestricted } : null,
      issuedAt_s: now_s,
      // An exchange never prolongs a life, nor does a token outlive its credential.
      expiresAt_s: parent?.expiresAt_s ?? Math.min(now_s + lifetime_s, expiryOf(credential)),
      tick: rights.tick,
    })
  }

  return {
    async authenticate({ credentials, scope }) {
      const proven = await prove(credentials)
      // A credential is for the project it was made in: asking for a scope beside it is an error, as with Keystone.
      if (proven.credential && scope.kind !== 'default') refuse()
      const methods = [...new Set([...(proven.parent?.methods ?? []), credentials.method])]
      const target = await locate(scope, proven)
      const mayDoWithout = scope.kind === 'default' && target.kind === 'project' && !proven.credential
      if (!mayDoWithout) return issue(proven, target, methods)
      // A default project that is gone or holds no role is no reason to refuse the login.
      return issue(proven, target, methods).catch((error: unknown) => {
        if (error instanceof Problem && error.kind === 'unauthorized') {
          return issue(proven, { kind: 'unscoped' }, methods)
        }
        throw error
      })
    },
    issueFor: (user, project) =>
      issue({ userId: user.id, defaultProjectId: null }, { kind: 'project', id: project.id }, ['password']),
  }
}

function expiryOf(credential: CredentialLogin | undefined): number {
  return credential?.expires_at ? Math.floor(credential.expires_at.getTime() / 1000) : Infinity
}

function scopeOf(scope: ScopeId, rights: Rights): Scope {
  if (scope.kind === 'unscoped') return { kind: 'unscoped' }
  if (rights.roles.length === 0) return refuse()
  if (!('id' in scope)) return { kind: 'system' }
  if (!rights.scope_enabled || rights.scope_name === null) return refuse()
  const target = { id: scope.id, name: rights.scope_name }
  if (scope.kind === 'domain') return { kind: 'domain', domain: target }
  const domain = { id: rights.scope_domain_id ?? '', name: rights.scope_domain_name ?? '' }
  return { kind: 'project', project: { ...target, domain } }
}

function refuse(): never {
  throw invalidToken()
}
