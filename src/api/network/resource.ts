import type { Static, TSchema } from '@sinclair/typebox'
import { badRequest, forbidden, type RequestContext } from '../../kernel/index.ts'
import type { Listing, Page, Tagged } from '../../network/index.ts'
import { type Answer, type Call, type HttpRoute, validator } from '../../platform/http/index.ts'
import { type Asker, askerOf, type Gate, grantedItem } from './asker.ts'
import { listQuery, matches, select, type View } from './query.ts'
import { tagRoutes } from './tags.ts'

/** One kind of resource: its words in paths and bodies, its schemas, and the verbs behind them. */
export interface Resource<Item, Create extends TSchema, Update extends TSchema> {
  /** In bodies and rule names: `security_group`. */
  readonly one: string
  readonly many: string
  /** In paths: `security-groups`. */
  readonly path: string
  readonly create: Create
  readonly update?: Update
  list(asker: Asker, listing: Listing): Promise<Page<Item>>
  show(asker: Asker, id: string): Promise<Item>
  /** Makes all or none; each belongs to the project of the same place. */
  make(asker: Asker, bodies: readonly { body: Static<Create>; project_id: string }[]): Promise<Item[]>
  change?(asker: Asker, item: Item, body: Static<Update>): Promise<Item>
  remove(asker: Asker, id: string): Promise<void>
  view(item: Item, asker: Asker): View
  /** Where its tags are kept; absent for what has none. */
  readonly tagged?: Tagged
}

/** Most resources that one bulk request may make. */
const MAX_BULK = 100

/** The routes of a resource: list, show, create one or several, change, delete. */
export function resourceRoutes<Item extends { id: string; project_id: string }, C extends TSchema, U extends TSchema>(
  gate: Gate,
  resource: Resource<Item, C, U>,
): HttpRoute[] {
  const { one, many } = resource
  const base = `/v2.0/${resource.path}`
  const checkCreate = validator(resource.create, { what: one })

  const ask = (call: Call): Asker => askerOf(gate, call)
  const granted = (asker: Asker, call: Call, verb: string): Promise<Item> => grantedItem(resource, asker, call, verb)

  async function list(call: Call): Promise<Answer> {
    const asker = ask(call)
    gate.policy.enforce(`get_${one}`, asker.ctx)
    const { listing, fields } = listQuery(call.query)
    const { items, more } = await resource.list(asker, listing)
    const views = items.map((item) => resource.view(item, asker)).filter((view) => matches(view, listing.filters))
    const body: Record<string, unknown> = { [many]: views.map((view) => select(view, fields)) }
    const last = items.at(-1)
    if (more && last) body[`${many}_links`] = [{ rel: 'next', href: nextPage(call, last.id) }]
    return { status: 200, body }
  }

  async function show(call: Call): Promise<Answer> {
    const asker = ask(call)
    gate.policy.enforce(`get_${one}`, asker.ctx)
    const item = await resource.show(asker, call.params.id ?? '')
    return { status: 200, body: { [one]: select(resource.view(item, asker), call.query.getAll('fields')) } }
  }

  async function create(call: Call): Promise<Answer> {
    const asker = ask(call)
    const { bodies, bulk } = createBodies(await call.json(), one, many)
    const wanted = bodies.map((each) => {
      const body = checkCreate(each)
      const project_id = ownerOf(body as OwnerFields, asker.ctx)
      gate.policy.enforce(`create_${one}`, asker.ctx, { project_id })
      return { body, project_id }
    })
    const items = await resource.make(asker, wanted)
    const views = items.map((item) => resource.view(item, asker))
    return { status: 201, body: bulk ? { [many]: views } : { [one]: views[0] } }
  }

  function updateRoute(schema: U, change: NonNullable<Resource<Item, C, U>['change']>): HttpRoute {
    const check = validator(schema, { what: one })
    return {
      method: 'PUT',
      path: `${base}/:id`,
      async handle(call) {
        const asker = ask(call)
        const body = check(only(await call.json(), one))
        const changed = await change(asker, await granted(asker, call, 'update'), body)
        return { status: 200, body: { [one]: resource.view(changed, asker) } }
      },
    }
  }

  async function remove(call: Call): Promise<Answer> {
    const asker = ask(call)
    const { id } = await granted(asker, call, 'delete')
    await resource.remove(asker, id)
    return { status: 204 }
  }

  return [
    { method: 'GET', path: base, handle: list },
    { method: 'POST', path: base, handle: create },
    { method: 'GET', path: `${base}/:id`, handle: show },
    ...(resource.update && resource.change ? [updateRoute(resource.update, resource.change)] : []),
    { method: 'DELETE', path: `${base}/:id`, handle: remove },
    ...tagRoutes(gate, resource),
  ]
}

/** `{"port": {…}}` or, for several at once, `{"ports": [{…}, …]}`. */
function createBodies(body: unknown, one: string, many: string): { bodies: unknown[]; bulk: boolean } {
  const several = isObject(body) && Object.hasOwn(body, many) ? only(body, many) : undefined
  if (several === undefined) return { bodies: [only(body, one)], bulk: false }
  if (!Array.isArray(several) || several.length === 0 || several.length > MAX_BULK) {
    throw badRequest(`${many} must be a list of 1 to ${MAX_BULK} resources.`)
  }
  return { bodies: several, bulk: true }
}

/** The value under the only key that a body may have. */
export function only(body: unknown, key: string): unknown {
  if (!isObject(body) || !Object.hasOwn(body, key)) throw badRequest(`Resource body required: '${key}' is missing.`)
  if (Object.keys(body).length > 1) throw badRequest(`The body may have '${key}' only.`)
  return body[key]
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface OwnerFields {
  readonly project_id?: string
  readonly tenant_id?: string
}

/** Only an administrator makes resources for another project. */
function ownerOf({ project_id, tenant_id }: OwnerFields, ctx: RequestContext): string {
  if (project_id !== undefined && tenant_id !== undefined && project_id !== tenant_id) {
    throw badRequest("'project_id' and 'tenant_id' do not match.")
  }
  const owner = project_id ?? tenant_id ?? ctx.projectId
  if (owner === '') throw badRequest("Running without a project, a token must come with a 'project_id' in the body.")
  if (owner !== ctx.projectId && !ctx.isAdmin) throw forbidden('Only an administrator may act for another project.')
  return owner
}

function nextPage(call: Call, marker: string): string {
  const query = new URLSearchParams(call.query)
  query.set('marker', marker)
  return `${call.baseUrl}${call.path}?${query}`
}
