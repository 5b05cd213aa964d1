import { Type } from '@sinclair/typebox'
import type { Domain, Identity } from '../../identity/index.ts'
import type { Call, HttpRoute } from '../../platform/http/index.ts'
import { bodyOf, Description, NoOptions, ShortName } from './body.ts'
import { flag, page, text } from './query.ts'
import { collection, self } from './render.ts'
import type { DeclareRoute } from './route.ts'

const DomainFields = {
  description: Type.Optional(Description),
  enabled: Type.Optional(Type.Boolean()),
  options: Type.Optional(NoOptions),
}
const strict = { additionalProperties: false }

const parseNew = bodyOf(Type.Object({ domain: Type.Object({ ...DomainFields, name: ShortName }, strict) }))
const parseChange = bodyOf(
  Type.Object({ domain: Type.Object({ ...DomainFields, name: Type.Optional(ShortName) }, strict) }),
)

export function domainRoutes({ domains }: Identity, route: DeclareRoute): HttpRoute[] {
  return [
    route('GET', '/v3/domains', {
      policy: 'identity:list_domains',
      ok: 200,
      async handle({ call }) {
        const filter = { name: text(call.query, 'name'), enabled: flag(call.query, 'enabled') }
        return collection(call, 'domains', await domains.list(filter, page(call.query)), domainView(call))
      },
    }),
    route('POST', '/v3/domains', {
      policy: 'identity:create_domain',
      ok: 201,
      async handle({ call }) {
        const { name, description, enabled } = parseNew(await call.json()).domain
        return { domain: domainView(call)(await domains.create({ name, description, enabled })) }
      },
    }),
    route('GET', '/v3/domains/:domain_id', {
      policy: 'identity:get_domain',
      target: ({ domain_id }) => ({ 'target.domain.id': domain_id }),
      ok: 200,
      handle: async ({ call, params }) => ({ domain: domainView(call)(await domains.show(params.domain_id)) }),
    }),
    route('PATCH', '/v3/domains/:domain_id', {
      policy: 'identity:update_domain',
      ok: 200,
      async handle({ call, params }) {
        const { name, description, enabled } = parseChange(await call.json()).domain
        return { domain: domainView(call)(await domains.update(params.domain_id, { name, description, enabled })) }
      },
    }),
    route('DELETE', '/v3/domains/:domain_id', {
      policy: 'identity:delete_domain',
      ok: 204,
      handle: ({ params }) => domains.delete(params.domain_id),
    }),
    route('GET', '/v3/auth/domains', {
      policy: null,
      ok: 200,
      async handle({ call, ctx }) {
        return collection(call, 'domains', await domains.listOfUser(ctx.userId), domainView(call))
      },
    }),
  ]
}

function domainView(call: Call) {
  return (domain: Domain) => ({
    id: domain.id,
    name: domain.name,
    description: domain.description,
    enabled: domain.enabled,
    options: {},
    tags: [],
    links: self(call, 'domains', domain.id),
  })
}
