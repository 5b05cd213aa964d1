import { badRequest, notFound, type RequestContext } from '../../kernel/index.ts'
import type { Answer, Call, HttpRoute } from '../../platform/http/index.ts'
import type { Policy } from '../../platform/policy/index.ts'
import { changes } from './history.ts'
import { linksOf } from './links.ts'
import { type ActionRow, isAction, Reply, type Req, type Resource, type Row, type RouteRow } from './route.ts'
import { MIN_VERSION, requestedVersion, type Version } from './version.ts'
import type { View } from './view.ts'

export interface Pipeline {
  readonly authenticate: (call: Call) => RequestContext
  readonly policy: Policy
}

/** A place where the routes are found, each with and without the project in its path. */
export interface Mount {
  readonly prefix: '/v2.1' | '/v2'
  /** The API before microversions: it has none, and lets unknown keys of a body through. */
  readonly legacy: boolean
}

export const CURRENT: Mount = { prefix: '/v2.1', legacy: false }
export const LEGACY: Mount = { prefix: '/v2', legacy: true }

/**
 * Registers each row at both mounts: the path as it is and with the project in it. Rows that share method and path
 * are told apart by their versions, and those of one `…/action` by the key of the body.
 */
export function registerResources(resources: readonly Resource[], pipeline: Pipeline): HttpRoute[] {
  const rows = resources.flatMap((resource) => resource.rows)
  const actions = Map.groupBy(rows.filter(isAction), (row) => row.path)
  const routes = Map.groupBy(rows.filter(isRoute), (row) => `${row.method} ${row.path}`)
  return [
    ...[...actions].map(([path, choices]) => ({ method: 'POST' as const, path, pick: byKey(choices) })),
    ...[...routes.values()].map((choices) => ({
      method: choices[0]!.method,
      path: choices[0]!.path,
      pick: byVersion(choices),
    })),
  ].flatMap(({ method, path, pick }) => {
    return [CURRENT, LEGACY].flatMap((mount) => {
      const handle = (call: Call) => answer(call, mount, pick, pipeline)
      return [mount.prefix, `${mount.prefix}/:project_id`].map((prefix) => ({ method, path: prefix + path, handle }))
    })
  })
}

const isRoute = (row: RouteRow | ActionRow): row is RouteRow => !isAction(row)

/** Chooses the row that answers, and reads the body if it needs one. */
type Pick = (call: Call, v: Version) => Promise<{ row: Row; body: unknown }> | { row: Row; body: unknown }

const NO_RESOURCE = 'The resource could not be found.'

function byVersion(choices: readonly RouteRow[]): Pick {
  return (call, v) => {
    const row = choices.find((each) => each.since <= v && v <= each.until)
    if (!row) throw notFound(NO_RESOURCE)
    return row.body ? call.json().then((body) => ({ row, body })) : { row, body: null }
  }
}

function byKey(choices: readonly ActionRow[]): Pick {
  const known = Map.groupBy(choices, (row) => row.key)
  return async (call, v) => {
    const body = await call.json()
    if (typeof body !== 'object' || body === null || Array.isArray(body)) throw badRequest('Malformed request body')
    const [key, ...more] = Object.keys(body)
    if (key === undefined) throw badRequest('Malformed request body: the action is missing')
    if (more.length > 0) throw badRequest('Malformed request body: too many body keys')
    const rows = known.get(key)
    if (!rows) throw badRequest(`There is no such action: ${key.slice(0, 64)}`)
    const row = rows.find((each) => each.since <= v && v <= each.until)
    if (!row) throw notFound(NO_RESOURCE)
    return { row, body }
  }
}

/** The way of every request: who asks, at which version, for which row, in which form, about what, and may they. */
async function answer(call: Call, mount: Mount, pick: Pick, { authenticate, policy }: Pipeline): Promise<Answer> {
  const ctx = authenticate(call)
  const v = mount.legacy ? MIN_VERSION : requestedVersion(call.request.headers)
  const { project_id: project } = call.params
  if (project !== undefined && project !== ctx.projectId) {
    throw badRequest(
      `Malformed request URL: URL's project_id '${project.slice(0, 64)}' ` +
        `doesn't match Context's project_id '${ctx.projectId}'`,
    )
  }
  const { row, body } = await pick(call, v)
  const req = new VersionedRequest(call, ctx, v, policy, mount, project)
  if (row.body) req.body = mount.legacy ? row.body.legacy(body) : row.body.at(v)(body)
  if (row.query) req.query = row.query.at(v)(queryLists(call)) as Record<string, never>
  else if (call.query.size > 0 && req.does('every-query-is-closed')) throw unknownKey(call)
  if (row.subject) req.subject = await row.subject(req)
  if (row.policy) req.must(row.policy)
  return success(row, v, await row.handle(req as never))
}

function success(row: Row, v: Version, result: unknown): Answer {
  const reply = result instanceof Reply ? result : undefined
  const body = reply ? reply.body : result
  const status = reply?.status ?? row.ok.find(([since]) => since <= v)![1]
  if (body !== undefined) return reply ? { status, body, headers: reply.headers } : { status, body }
  const headers = status === 204 ? { ...reply?.headers } : { 'content-type': 'application/json', ...reply?.headers }
  return status === 204 ? { status, headers } : { status, headers, raw: '' }
}

function unknownKey({ query }: Call): Error {
  const [key = ''] = query.keys()
  return badRequest(
    `Invalid input for field/attribute query parameters. Additional properties are not allowed ` +
      `('${key.slice(0, 64)}' was unexpected)`,
  )
}

const NO_QUERY: Record<string, never> = Object.freeze({})

/** Keys with all their values. A list, as Nova's schemas say how often a key may stand there. */
function queryLists({ query }: Call): Readonly<Record<string, string[]>> {
  if (query.size === 0) return NO_QUERY
  const lists: Record<string, string[]> = {}
  for (const [key, value] of query) {
    if (key === '__proto__') throw badRequest("Invalid input for query parameters '__proto__'.")
    ;(lists[key] ??= []).push(value)
  }
  return lists
}

type Attributes = Readonly<Record<string, unknown>>

class VersionedRequest implements Req<unknown, Record<string, never>, unknown> {
  body: unknown = null
  query: Record<string, never> = NO_QUERY
  subject: unknown = undefined
  #links: Req['links'] | undefined

  constructor(
    readonly call: Call,
    readonly ctx: RequestContext,
    private readonly version: Version,
    private readonly policy: Policy,
    private readonly mount: Mount,
    private readonly project: string | undefined,
  ) {}

  get params(): Readonly<Record<string, string>> {
    return this.call.params
  }

  get links(): Req['links'] {
    return (this.#links ??= linksOf(this.call, this.call.baseUrl, this.mount.prefix, this.project))
  }

  // Properties rather than methods, as handlers take a request apart.
  readonly as = <S>(view: View<S>, source: S): Record<string, unknown> => view.render(source, this, this.version)

  readonly does = (behaviour: string): boolean => changes.does(behaviour, this.version)

  readonly can = (rule: string, target?: Attributes): boolean =>
    this.policy.allows(rule, this.ctx, target ?? (this.subject as Attributes | undefined))

  readonly must = (rule: string, target?: Attributes): void =>
    this.policy.enforce(rule, this.ctx, target ?? (this.subject as Attributes | undefined))
}
