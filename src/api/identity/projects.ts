import { Type } from '@sinclair/typebox'
import type { Identity, Project } from '../../identity/index.ts'
import type { Call, HttpRoute } from '../../platform/http/index.ts'
import { bodyOf, Description, Id, NoChange, NoOptions, ShortName, splitAttributes, withAttributes } from './body.ts'
import { flag, page, text } from './query.ts'
import { collection, self, whole } from './render.ts'
import type { DeclareRoute } from './route.ts'

/** Tags stand in URLs and in comma-separated queries. */
const Tag = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^,/]+$' })
const MAX_TAGS = 80

const ProjectFields = {
  description: Type.Optional(Description),
  enabled: Type.Optional(Type.Boolean()),
  is_domain: Type.Optional(Type.Literal(false)),
  tags: Type.Optional(Type.Array(Tag, { maxItems: MAX_TAGS, uniqueItems: true })),
  options: Type.Optional(NoOptions),
}
const CHANGEABLE = ['name', 'description', 'enabled', 'tags'] as const
const LEFT_OUT = ['options', 'is_domain']

const parseNew = bodyOf(
  Type.Object({
    project: withAttributes(
      Type.Object({
        ...ProjectFields,
        name: ShortName,
        domain_id: Type.Optional(Id),
        parent_id: Type.Optional(Type.Union([Id, Type.Null()])),
      }),
    ),
  }),
)
const parseChange = bodyOf(
  Type.Object({
    project: withAttributes(
      Type.Object({ ...ProjectFields, name: Type.Optional(ShortName), domain_id: NoChange, parent_id: NoChange }),
    ),
  }),
)

export function projectRoutes({ projects }: Identity, route: DeclareRoute): HttpRoute[] {
  return [
    route('GET', '/v3/projects', {
      policy: 'identity:list_projects',
      ok: 200,
      async handle({ call }) {
        const { query } = call
        const filter = {
          name: text(query, 'name'),
          domain_id: text(query, 'domain_id'),
          parent_id: text(query, 'parent_id'),
          enabled: flag(query, 'enabled'),
          tags: text(query, 'tags')?.split(','),
        }
        // Domains are no projects here, as they are inside Keystone.
        const list = flag(query, 'is_domain') ? whole([]) : await projects.list(filter, page(query))
        return collection(call, 'projects', list, projectView(call))
      },
    }),
    route('POST', '/v3/projects', {
      policy: 'identity:create_project',
      ok: 201,
      async handle({ call, ctx }) {
        const { parent_id, domain_id, ...body } = parseNew(await call.json()).project
        const { fields, extra } = splitAttributes(body, CHANGEABLE, LEFT_OUT)
        const place = parent_id ? { parent_id, domain_id } : { domain_id: domain_id ?? ctx.userDomainId }
        return { project: projectView(call)(await projects.create({ ...fields, ...place, extra })) }
      },
    }),
    route('GET', '/v3/projects/:project_id', {
      policy: 'identity:get_project',
      target: ({ project_id }) => ({ 'target.project.id': project_id }),
      ok: 200,
      handle: async ({ call, params }) => ({ project: projectView(call)(await projects.show(params.project_id)) }),
    }),
    route('PATCH', '/v3/projects/:project_id', {
      policy: 'identity:update_project',
      ok: 200,
      async handle({ call, params }) {
        const { fields, extra } = splitAttributes(parseChange(await call.json()).project, CHANGEABLE, LEFT_OUT)
        return { project: projectView(call)(await projects.update(params.project_id, { ...fields, extra })) }
      },
    }),
    route('DELETE', '/v3/projects/:project_id', {
      policy: 'identity:delete_project',
      ok: 204,
      handle: ({ params }) => projects.delete(params.project_id),
    }),
    route('GET', '/v3/auth/projects', {
      policy: null,
      ok: 200,
      async handle({ call, ctx }) {
        const list = await projects.listOfUser(ctx.userId, { onlyUsable: true })
        return collection(call, 'projects', list, projectView(call))
      },
    }),
  ]
}

export function projectView(call: Call) {
  return (project: Project) => ({
    ...project.extra,
    id: project.id,
    name: project.name,
    domain_id: project.domain_id,
    parent_id: project.parent_id,
    description: project.description,
    enabled: project.enabled,
    is_domain: false,
    options: {},
    tags: project.tags,
    links: self(call, 'projects', project.id),
  })
}
