import { Type } from '@sinclair/typebox'
import type { Identity, User } from '../../identity/index.ts'
import type { Call, HttpRoute } from '../../platform/http/index.ts'
import { Password } from './auth-request.ts'
import { bodyOf, Description, Id, Name, NoChange, splitAttributes, withAttributes } from './body.ts'
import { projectView } from './projects.ts'
import { flag, page, text } from './query.ts'
import { collection, self } from './render.ts'
import { type DeclareRoute, openRoute } from './route.ts'

/** Nothing expires or locks itself here, so an exemption from that can be granted to anybody. */
const Exemption = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]))
const UserOptions = Type.Object(
  {
    ignore_change_password_upon_first_use: Exemption,
    ignore_password_expiry: Exemption,
    ignore_lockout_failure_attempts: Exemption,
    ignore_user_inactivity: Exemption,
  },
  { additionalProperties: false },
)

const UserFields = {
  password: Type.Optional(Type.Union([Password, Type.Null()])),
  email: Type.Optional(Type.Union([Type.String({ maxLength: 320 }), Type.Null()])),
  description: Type.Optional(Description),
  default_project_id: Type.Optional(Type.Union([Id, Type.Null()])),
  enabled: Type.Optional(Type.Boolean()),
  options: Type.Optional(UserOptions),
}
const CHANGEABLE = ['name', 'password', 'email', 'description', 'default_project_id', 'enabled', 'options'] as const
const FIELDS = [...CHANGEABLE, 'domain_id'] as const

const parseNew = bodyOf(
  Type.Object({
    user: withAttributes(Type.Object({ ...UserFields, name: Name, domain_id: Type.Optional(Id) })),
  }),
)
const parseChange = bodyOf(
  Type.Object({
    user: withAttributes(Type.Object({ ...UserFields, name: Type.Optional(Name), domain_id: NoChange })),
  }),
)
const parsePasswords = bodyOf(
  Type.Object({ user: Type.Object({ password: Password, original_password: Password }) }),
)

export function userRoutes(identity: Identity, route: DeclareRoute): HttpRoute[] {
  const { users, projects } = identity
  const owner = ({ user_id }: { user_id: string }) => ({ 'target.user.id': user_id })

  return [
    route('GET', '/v3/users', {
      policy: 'identity:list_users',
      ok: 200,
      async handle({ call }) {
        const { query } = call
        const filter = {
          name: text(query, 'name'),
          domain_id: text(query, 'domain_id'),
          enabled: flag(query, 'enabled'),
        }
        return collection(call, 'users', await users.list(filter, page(query)), userView(call))
      },
    }),
    route('POST', '/v3/users', {
      policy: 'identity:create_user',
      ok: 201,
      async handle({ call, ctx }) {
        const { fields, extra } = splitAttributes(parseNew(await call.json()).user, FIELDS)
        const user = await users.create({ domain_id: ctx.userDomainId, ...fields, extra })
        return { user: userView(call)(user) }
      },
    }),
    route('GET', '/v3/users/:user_id', {
      policy: 'identity:get_user',
      target: owner,
      ok: 200,
      handle: async ({ call, params }) => ({ user: userView(call)(await users.show(params.user_id)) }),
    }),
    route('PATCH', '/v3/users/:user_id', {
      policy: 'identity:update_user',
      ok: 200,
      async handle({ call, params }) {
        const { fields, extra } = splitAttributes(parseChange(await call.json()).user, CHANGEABLE)
        return { user: userView(call)(await users.update(params.user_id, { ...fields, extra })) }
      },
    }),
    route('DELETE', '/v3/users/:user_id', {
      policy: 'identity:delete_user',
      ok: 204,
      handle: ({ params }) => users.delete(params.user_id),
    }),
    // The original password is proof enough: also of those whose token has just ended.
    openRoute('POST', '/v3/users/:user_id/password', async (call) => {
      const { original_password, password } = parsePasswords(await call.json()).user
      await users.changePassword(call.params.user_id ?? '', original_password, password)
      return { status: 204 }
    }),
    route('GET', '/v3/users/:user_id/projects', {
      policy: 'identity:list_user_projects',
      target: owner,
      ok: 200,
      async handle({ call, params }) {
        const { query } = call
        const filter = {
          name: text(query, 'name'),
          domain_id: text(query, 'domain_id'),
          enabled: flag(query, 'enabled'),
          onlyUsable: false,
        }
        await users.show(params.user_id)
        return collection(call, 'projects', await projects.listOfUser(params.user_id, filter), projectView(call))
      },
    }),
  ]
}

export function userView(call: Call) {
  return (user: User) => ({
    ...user.extra,
    id: user.id,
    name: user.name,
    domain_id: user.domain_id,
    enabled: user.enabled,
    ...(user.default_project_id ? { default_project_id: user.default_project_id } : {}),
    ...(user.email ? { email: user.email } : {}),
    ...(user.description ? { description: user.description } : {}),
    options: user.options,
    password_expires_at: null,
    links: self(call, 'users', user.id),
  })
}
