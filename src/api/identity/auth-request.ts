import { type Static, Type } from '@sinclair/typebox'
import type { AuthRequest, Credentials, DomainRef, RefInDomain, ScopeRequest } from '../../identity/index.ts'
import { badRequest, Problem } from '../../kernel/index.ts'
import { bodyOf } from './body.ts'

/** Keystone's `max_password_length`. */
export const MAX_PASSWORD_LENGTH = 4096
export const Password = Type.String({ maxLength: MAX_PASSWORD_LENGTH })

const Text = Type.String({ maxLength: 255 })
const DomainName = Type.Object({ id: Type.Optional(Text), name: Type.Optional(Text) })
const InDomain = {
  id: Type.Optional(Text),
  name: Type.Optional(Text),
  domain: Type.Optional(DomainName),
}
const Scope = Type.Object({
  project: Type.Optional(Type.Object(InDomain)),
  domain: Type.Optional(DomainName),
  system: Type.Optional(Type.Object({ all: Type.Literal(true) })),
  unscoped: Type.Optional(Type.Object({})),
  'OS-TRUST:trust': Type.Optional(Type.Unknown()),
})

/** Like Keystone, tolerant of keys it does not know, strict about those it does. */
const AuthBody = Type.Object({
  auth: Type.Object({
    identity: Type.Object({
      methods: Type.Array(Text, { minItems: 1, maxItems: 8 }),
      password: Type.Optional(Type.Object({ user: Type.Object({ ...InDomain, password: Password }) })),
      token: Type.Optional(Type.Object({ id: Type.String() })),
      application_credential: Type.Optional(
        Type.Object({
          id: Type.Optional(Text),
          name: Type.Optional(Text),
          secret: Password,
          user: Type.Optional(Type.Object(InDomain)),
        }),
      ),
    }),
    scope: Type.Optional(Type.Union([Type.Literal('unscoped'), Scope])),
  }),
})

const parse = bodyOf(AuthBody)

/** What a body of `POST /v3/auth/tokens` asks for. @throws {Problem} bad_request, unauthorized, not_implemented */
export function authRequest(body: unknown): AuthRequest {
  const { identity, scope } = parse(body).auth
  return { credentials: credentialsOf(identity), scope: scopeOf(scope) }
}

type IdentityPart = Static<typeof AuthBody>['auth']['identity']

function credentialsOf(identity: IdentityPart): Credentials {
  const [method, ...others] = new Set(identity.methods)
  if (others.length > 0) {
    throw new Problem('not_implemented', 'Authentication by several methods at once is not offered by this cloud.')
  }
  switch (method) {
    case 'password': {
      const user = identity.password?.user ?? missing('password', 'identity')
      return { method, user: inDomain(user, 'user'), password: user.password }
    }
    case 'token':
      return { method, token: (identity.token ?? missing('token', 'identity')).id }
    case 'application_credential': {
      const given = identity.application_credential ?? missing('application_credential', 'identity')
      const { id, name, secret, user } = given
      if (id !== undefined) return { method, credential: { id }, secret }
      if (name === undefined) return missing('id or name', 'application_credential')
      return { method, credential: { name, user: inDomain(user ?? missing('user', 'it'), 'user') }, secret }
    }
    default:
      throw new Problem('unauthorized', 'Attempted to authenticate with an unsupported method.')
  }
}

function scopeOf(scope: Static<typeof AuthBody>['auth']['scope']): ScopeRequest {
  if (scope === undefined) return { kind: 'default' }
  if (scope === 'unscoped') return { kind: 'unscoped' }
  const kinds = Object.keys(scope)
  if (kinds.length !== 1) {
    throw badRequest('Only one of project, domain, system or unscoped can be the scope of a token.')
  }
  if (scope.project) return { kind: 'project', project: inDomain(scope.project, 'project') }
  if (scope.domain) return { kind: 'domain', domain: domainRef(scope.domain, 'scope') }
  if (scope.system) return { kind: 'system' }
  if (scope.unscoped) return { kind: 'unscoped' }
  if ('OS-TRUST:trust' in scope) throw new Problem('not_implemented', 'Trusts are not offered by this cloud.')
  throw badRequest('The scope must be one of project, domain, system or unscoped.')
}

interface Reference {
  readonly id?: string | undefined
  readonly name?: string | undefined
}

function inDomain(ref: Reference & { domain?: Reference | undefined }, where: string): RefInDomain {
  if (ref.id !== undefined) return { id: ref.id }
  if (ref.name === undefined) return missing('id or name', where)
  return { name: ref.name, domain: domainRef(ref.domain ?? missing('domain', where), 'domain') }
}

function domainRef({ id, name }: Reference, where: string): DomainRef {
  if (id !== undefined) return { id }
  return name === undefined ? missing('id or name', where) : { name }
}

function missing(what: string, where: string): never {
  throw badRequest(`Expecting to find ${what} in ${where}. The request is malformed or incomplete.`)
}
