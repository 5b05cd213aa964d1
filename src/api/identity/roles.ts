import { Type } from '@sinclair/typebox'
import type { Identity, Implication, Role } from '../../identity/index.ts'
import { notFound } from '../../kernel/index.ts'
import type { Call, HttpRoute } from '../../platform/http/index.ts'
import { bodyOf, Description, Name } from './body.ts'
import { page, text } from './query.ts'
import { collection, self } from './render.ts'
import type { DeclareRoute } from './route.ts'

const strict = { additionalProperties: false }
const RoleFields = {
  description: Type.Optional(Type.Union([Description, Type.Null()])),
  domain_id: Type.Optional(Type.Null()),
  options: Type.Optional(Type.Object({ immutable: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])) }, strict)),
}

const parseNew = bodyOf(Type.Object({ role: Type.Object({ ...RoleFields, name: Name }, strict) }))
const parseChange = bodyOf(Type.Object({ role: Type.Object({ ...RoleFields, name: Type.Optional(Name) }, strict) }))

export function roleRoutes({ roles }: Identity, route: DeclareRoute): HttpRoute[] {
  return [
    route('GET', '/v3/roles', {
      policy: 'identity:list_roles',
      ok: 200,
      async handle({ call }) {
        const list = await roles.list({ name: text(call.query, 'name') }, page(call.query))
        return collection(call, 'roles', list, roleView(call))
      },
    }),
    route('POST', '/v3/roles', {
      policy: 'identity:create_role',
      ok: 201,
      async handle({ call }) {
        const { role } = parseNew(await call.json())
        const { name, description } = role
        return { role: roleView(call)(await roles.create({ name, description, immutable: isImmutable(role) })) }
      },
    }),
    route('GET', '/v3/roles/:role_id', {
      policy: 'identity:get_role',
      ok: 200,
      handle: async ({ call, params }) => ({ role: roleView(call)(await roles.show(params.role_id)) }),
    }),
    route('PATCH', '/v3/roles/:role_id', {
      policy: 'identity:update_role',
      ok: 200,
      async handle({ call, params }) {
        const { role } = parseChange(await call.json())
        const changes = { name: role.name, description: role.description, immutable: isImmutable(role) }
        return { role: roleView(call)(await roles.update(params.role_id, changes)) }
      },
    }),
    route('DELETE', '/v3/roles/:role_id', {
      policy: 'identity:delete_role',
      ok: 204,
      handle: ({ params }) => roles.delete(params.role_id),
    }),
    route('GET', '/v3/roles/:role_id/implies', {
      policy: 'identity:list_implied_roles',
      ok: 200,
      async handle({ call, params: { role_id } }) {
        const prior = await roles.show(role_id)
        const implied = await roles.implications(role_id)
        return {
          role_inference: { prior_role: priorView(call, prior), implies: implied.map(impliedView(call)) },
          links: self(call, 'roles', role_id, 'implies'),
        }
      },
    }),
    route('GET', '/v3/roles/:role_id/implies/:implied_id', {
      policy: 'identity:get_implied_role',
      ok: 200,
      async handle({ call, params: { role_id, implied_id } }) {
        const implied = (await roles.implications(role_id)).find((each) => each.implied_id === implied_id)
        if (!implied) throw notFound(`Could not find an implication of role ${implied_id} by role ${role_id}.`)
        return inference(call, implied)
      },
    }),
    route('PUT', '/v3/roles/:role_id/implies/:implied_id', {
      policy: 'identity:create_implied_role',
      ok: 201,
      handle: async ({ call, params }) => inference(call, await roles.imply(params.role_id, params.implied_id)),
    }),
    route('DELETE', '/v3/roles/:role_id/implies/:implied_id', {
      policy: 'identity:delete_implied_role',
      ok: 204,
      handle: ({ params }) => roles.endImplication(params.role_id, params.implied_id),
    }),
    route('GET', '/v3/role_inferences', {
      policy: 'identity:list_role_inference_rules',
      ok: 200,
      async handle({ call }) {
        const byPrior = Map.groupBy(await roles.implications(), (implication) => implication.prior_id)
        return {
          role_inferences: [...byPrior.values()].map((implied) => ({
            prior_role: priorView(call, { id: implied[0]!.prior_id, name: implied[0]!.prior_name }),
            implies: implied.map(impliedView(call)),
          })),
          links: self(call, 'role_inferences'),
        }
      },
    }),
  ]
}

/** An option set to null goes back to its default. */
function isImmutable({ options }: { options?: { immutable?: boolean | null } }): boolean | undefined {
  return options?.immutable === undefined ? undefined : (options.immutable ?? false)
}

export function roleView(call: Call) {
  return (role: Role) => ({ ...roleFields(role), links: self(call, 'roles', role.id) })
}

/** A role inside something else. */
export function roleFields({ id, name, description, immutable }: Role) {
  return { id, name, description, domain_id: null, options: immutable ? { immutable } : {} }
}

function inference(call: Call, implication: Implication) {
  const { prior_id, prior_name, implied_id } = implication
  return {
    role_inference: {
      prior_role: priorView(call, { id: prior_id, name: prior_name }),
      implies: impliedView(call)(implication),
    },
    links: self(call, 'roles', prior_id, 'implies', implied_id),
  }
}

function priorView(call: Call, { id, name }: { id: string; name: string }) {
  return { id, name, links: self(call, 'roles', id) }
}

function impliedView(call: Call) {
  return ({ implied_id, implied_name }: Implication) => ({
    id: implied_id,
    name: implied_name,
    links: self(call, 'roles', implied_id),
  })
}
