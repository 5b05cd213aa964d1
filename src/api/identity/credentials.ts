import { createHash } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import type { ApplicationCredential, Ec2Credential, Identity } from '../../identity/index.ts'
import { badRequest } from '../../kernel/index.ts'
import type { Call, HttpRoute } from '../../platform/http/index.ts'
import { Password } from './auth-request.ts'
import { bodyOf, Description, Id, Name } from './body.ts'
import { text } from './query.ts'
import { collection, self, whole } from './render.ts'
import { roleFields } from './roles.ts'
import type { DeclareRoute } from './route.ts'

const MAX_ROLES = 100
const RoleRef = Type.Union([Type.Object({ id: Id }), Type.Object({ name: Name })])

const parseNew = bodyOf(
  Type.Object({
    application_credential: Type.Object(
      {
        name: Name,
        description: Type.Optional(Type.Union([Description, Type.Null()])),
        secret: Type.Optional(Password),
        roles: Type.Optional(Type.Array(RoleRef, { maxItems: MAX_ROLES })),
        unrestricted: Type.Optional(Type.Boolean()),
        expires_at: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
        // Rules for single paths are not offered; an empty list asks for none.
        access_rules: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 0 })),
      },
      { additionalProperties: false },
    ),
  }),
)
const parseEc2 = bodyOf(Type.Object({ tenant_id: Id }, { additionalProperties: false }))

/** What users give to programs: application credentials and keys for EC2 signatures. */
export function credentialRoutes(identity: Identity, route: DeclareRoute): HttpRoute[] {
  const { applicationCredentials, ec2Credentials } = identity
  const owner = ({ user_id }: { user_id: string }) => ({ 'target.user.id': user_id })

  return [
    route('GET', '/v3/users/:user_id/application_credentials', {
      policy: 'identity:list_application_credentials',
      target: owner,
      ok: 200,
      async handle({ call, params }) {
        const list = await applicationCredentials.list(params.user_id, text(call.query, 'name'))
        return collection(call, 'application_credentials', whole(list), applicationCredentialView(call))
      },
    }),
    route('POST', '/v3/users/:user_id/application_credentials', {
      policy: 'identity:create_application_credential',
      target: owner,
      ok: 201,
      async handle({ call, token }) {
        const { expires_at, ...input } = parseNew(await call.json()).application_credential
        const { credential, secret } = await applicationCredentials.create(token, {
          ...input,
          expires_at: expires_at ? futureTime(expires_at) : null,
        })
        return { application_credential: { ...applicationCredentialView(call)(credential), secret } }
      },
    }),
    route('GET', '/v3/users/:user_id/application_credentials/:credential_id', {
      policy: 'identity:get_application_credential',
      target: owner,
      ok: 200,
      async handle({ call, params }) {
        const credential = await applicationCredentials.show(params.user_id, params.credential_id)
        return { application_credential: applicationCredentialView(call)(credential) }
      },
    }),
    route('DELETE', '/v3/users/:user_id/application_credentials/:credential_id', {
      policy: 'identity:delete_application_credential',
      target: owner,
      ok: 204,
      handle: ({ token, params }) => applicationCredentials.delete(token, params.user_id, params.credential_id),
    }),
    route('GET', '/v3/users/:user_id/access_rules', {
      policy: 'identity:list_access_rules',
      target: owner,
      ok: 200,
      handle: ({ call }) => collection(call, 'access_rules', whole([]), (rule) => rule),
    }),
    route('GET', '/v3/users/:user_id/credentials/OS-EC2', {
      policy: 'identity:ec2_list_credentials',
      target: owner,
      ok: 200,
      async handle({ call, params }) {
        return collection(call, 'credentials', await ec2Credentials.list(params), ec2View(call))
      },
    }),
    route('POST', '/v3/users/:user_id/credentials/OS-EC2', {
      policy: 'identity:ec2_create_credential',
      target: owner,
      ok: 201,
      async handle({ call, params, token }) {
        const { tenant_id } = parseEc2(await call.json())
        const credential = await ec2Credentials.create(token, { user_id: params.user_id, project_id: tenant_id })
        return { credential: ec2View(call)(credential) }
      },
    }),
    route('GET', '/v3/users/:user_id/credentials/OS-EC2/:access', {
      policy: 'identity:ec2_get_credential',
      target: owner,
      ok: 200,
      async handle({ call, params }) {
        return { credential: ec2View(call)(await ec2Credentials.show(params.user_id, params.access)) }
      },
    }),
    route('DELETE', '/v3/users/:user_id/credentials/OS-EC2/:access', {
      policy: 'identity:ec2_delete_credential',
      target: owner,
      ok: 204,
      handle: ({ token, params }) => ec2Credentials.delete(token, params.user_id, params.access),
    }),
    // The general list holds the EC2 keys only: there are no others here. Users see their own, administrators all.
    route('GET', '/v3/credentials', {
      policy: 'identity:list_credentials',
      ok: 200,
      async handle({ call, ctx }) {
        const user_id = ctx.isAdmin ? text(call.query, 'user_id') : ctx.userId
        const other = (text(call.query, 'type') ?? 'ec2') !== 'ec2'
        const list = other ? whole([]) : await ec2Credentials.list({ user_id })
        return collection(call, 'credentials', list, credentialView(call))
      },
    }),
  ]
}

/** Keystone's form of a time, UTC whether it says so or not. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z?$/

function futureTime(value: string): Date {
  const time = TIME.test(value) ? new Date(value.endsWith('Z') ? value : `${value}Z`) : new Date(Number.NaN)
  if (Number.isNaN(time.getTime())) throw badRequest('expires_at must be a time such as 2030-01-31T12:00:00Z.')
  if (time.getTime() <= Date.now()) throw badRequest('expires_at must be in the future.')
  return time
}

function applicationCredentialView(call: Call) {
  return (credential: ApplicationCredential) => ({
    id: credential.id,
    name: credential.name,
    description: credential.description,
    user_id: credential.user_id,
    project_id: credential.project_id,
    system: null,
    roles: credential.roles.map((role) => roleFields(role)),
    unrestricted: credential.unrestricted,
    expires_at: credential.expires_at?.toISOString().replace('Z', '000') ?? null,
    links: self(call, 'application_credentials', credential.id),
  })
}

function ec2View(call: Call) {
  return ({ access, secret, user_id, project_id }: Ec2Credential) => ({
    access,
    secret,
    user_id,
    tenant_id: project_id,
    trust_id: null,
    links: self(call, 'users', user_id, 'credentials', 'OS-EC2', access),
  })
}

/** The same key in the form of the general list. */
function credentialView(call: Call) {
  return ({ access, secret, user_id, project_id }: Ec2Credential) => {
    const id = createHash('sha256').update(access).digest('hex')
    const blob = JSON.stringify({ access, secret })
    return { id, type: 'ec2', blob, user_id, project_id, links: self(call, 'credentials', id) }
  }
}
