import { Type } from '@sinclair/typebox'
import type { Group, Identity } from '../../identity/index.ts'
import type { Call, HttpRoute } from '../../platform/http/index.ts'
import { bodyOf, Description, Id, NoChange, ShortName } from './body.ts'
import { page, text } from './query.ts'
import { collection, self } from './render.ts'
import type { DeclareRoute } from './route.ts'
import { userView } from './users.ts'

const strict = { additionalProperties: false }
const GroupFields = { description: Type.Optional(Type.Union([Description, Type.Null()])) }

const parseNew = bodyOf(
  Type.Object({ group: Type.Object({ ...GroupFields, name: ShortName, domain_id: Type.Optional(Id) }, strict) }),
)
const parseChange = bodyOf(
  Type.Object({ group: Type.Object({ ...GroupFields, name: Type.Optional(ShortName), domain_id: NoChange }, strict) }),
)

/** Groups of users, which have roles as users have. */
export function groupRoutes({ groups, users }: Identity, route: DeclareRoute): HttpRoute[] {
  const one = '/v3/groups/:group_id'
  const member = '/v3/groups/:group_id/users/:user_id'

  return [
    route('GET', '/v3/groups', {
      policy: 'identity:list_groups',
      ok: 200,
      async handle({ call }) {
        const filter = { name: text(call.query, 'name'), domain_id: text(call.query, 'domain_id') }
        return collection(call, 'groups', await groups.list(filter, page(call.query)), groupView(call))
      },
    }),
    route('POST', '/v3/groups', {
      policy: 'identity:create_group',
      ok: 201,
      async handle({ call, ctx }) {
        const { name, domain_id = ctx.userDomainId, description } = parseNew(await call.json()).group
        return { group: groupView(call)(await groups.create({ name, domain_id, description: description ?? '' })) }
      },
    }),
    route('GET', one, {
      policy: 'identity:get_group',
      ok: 200,
      handle: async ({ call, params }) => ({ group: groupView(call)(await groups.show(params.group_id)) }),
    }),
    route('PATCH', one, {
      policy: 'identity:update_group',
      ok: 200,
      async handle({ call, params }) {
        const { name, description } = parseChange(await call.json()).group
        const changes = { name, ...(description === undefined ? {} : { description: description ?? '' }) }
        return { group: groupView(call)(await groups.update(params.group_id, changes)) }
      },
    }),
    route('DELETE', one, {
      policy: 'identity:delete_group',
      ok: 204,
      handle: ({ params }) => groups.delete(params.group_id),
    }),
    route('GET', '/v3/groups/:group_id/users', {
      policy: 'identity:list_users_in_group',
      ok: 200,
      handle: async ({ call, params }) =>
        collection(call, 'users', await groups.members(params.group_id), userView(call)),
    }),
    route('GET', member, {
      policy: 'identity:check_user_in_group',
      ok: 204,
      handle: ({ params }) => groups.checkMember(params.group_id, params.user_id),
    }),
    route('PUT', member, {
      policy: 'identity:add_user_to_group',
      ok: 204,
      handle: ({ params }) => groups.addMember(params.group_id, params.user_id),
    }),
    route('DELETE', member, {
      policy: 'identity:remove_user_from_group',
      ok: 204,
      handle: ({ params }) => groups.removeMember(params.group_id, params.user_id),
    }),
    route('GET', '/v3/users/:user_id/groups', {
      policy: 'identity:list_groups_for_user',
      target: ({ user_id }) => ({ 'target.user.id': user_id }),
      ok: 200,
      async handle({ call, params }) {
        await users.show(params.user_id)
        const filter = { name: text(call.query, 'name'), user_id: params.user_id }
        return collection(call, 'groups', await groups.list(filter, page(call.query)), groupView(call))
      },
    }),
  ]
}

export function groupView(call: Call) {
  return ({ id, name, domain_id, description }: Group) => ({
    id,
    name,
    domain_id,
    description,
    links: self(call, 'groups', id),
  })
}
