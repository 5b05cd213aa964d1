import type { TObject, TSchema } from '@sinclair/typebox'
import { computePolicies } from '../policies.ts'
import { type ActionRow, isAction, type Resource, type Row, type RouteRow } from '../route.ts'
import { MAX_VERSION, MIN_VERSION, type Version, versionText } from '../version.ts'
import { type JsonSchema, jsonSchema } from './schema.ts'

/** The API at one microversion in OpenAPI 3.1, read off the rows that serve it. */
export interface OpenApi {
  readonly openapi: '3.1.0'
  readonly info: Readonly<Record<string, unknown>>
  readonly servers: readonly { readonly url: string }[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: Readonly<Record<string, unknown>>
}

export type PathItem = Readonly<Record<string, Operation>>

export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly required: true; readonly content: Readonly<Record<string, { schema: JsonSchema }>> }
  readonly responses: Readonly<Record<string, unknown>>
  /** First and last version of the route, and the rule that decides; of actions each under its key. */
  readonly 'x-openstack': Facts | Readonly<Record<string, Facts & { readonly summary: string }>>
}

export interface Facts {
  readonly min: string
  readonly max: string | null
  readonly policy: string | null
  readonly status: number
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required: boolean
  readonly schema: JsonSchema
}

const VERSION_HEADER = {
  name: 'OpenStack-API-Version',
  in: 'header',
  required: false,
  description: 'The microversion to speak, as `compute 2.79`; `latest` is the newest. Without it, 2.1.',
  schema: { type: 'string' },
}

const FAULT = {
  type: 'object',
  description: 'One key, the name of the fault.',
  minProperties: 1,
  maxProperties: 1,
  additionalProperties: {
    type: 'object',
    required: ['code', 'message'],
    properties: { code: { type: 'integer' }, message: { type: 'string' } },
  },
}

export function openApi(resources: readonly Resource[], v: Version): OpenApi {
  const canonical = canonicalPaths()
  const served = resources.map(({ name, rows }) => ({
    name,
    rows: rows.filter((row) => isServed(row, v)).map((row) => ({ ...row, path: canonical(row.path) })),
  }))
  const paths: Record<string, Record<string, Operation>> = {}
  for (const { name, rows } of served) {
    for (const row of rows) {
      if (!isAction(row)) (paths[templated(row.path)] ??= {})[row.method.toLowerCase()] = routeOf(name, row, v)
    }
    for (const [path, actions] of Map.groupBy(rows.filter(isAction), (row) => row.path)) {
      // Actions of one path may come from several resources: they are one operation.
      const item = (paths[templated(path)] ??= {})
      item.post = item.post ? withMore(item.post, actions, v) : actionsOf(name, path, actions, v)
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Compute API',
      version: versionText(v),
      description:
        `OpenStack's compute API at microversion ${versionText(v)}, of ${versionText(MIN_VERSION)} to ` +
        `${versionText(MAX_VERSION)}. Every path is also served with the project in it.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Beside the document, wherever that is reached.
    servers: [{ url: 'compute/v2.1' }],
    security: [{ token: [] }],
    tags: served.filter(({ rows }) => rows.length > 0).map(({ name }) => ({ name })),
    paths,
    components: {
      securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } },
      parameters: { version: VERSION_HEADER },
      schemas: { fault: FAULT },
      responses: {
        fault: { description: 'What went wrong.', content: { 'application/json': { schema: { $ref: '#/components/schemas/fault' } } } },
      },
    },
  }
}

/** What Nova has removed answers 410 for ever, and is not worth a reader's time. */
const isServed = (row: Row, v: Version): boolean => row.since <= v && v <= row.until && row.ok.at(-1)![1] !== 410

/** Rows may call one place of a path differently; in a document it has one name: the first. */
function canonicalPaths(): (path: string) => string {
  const known = new Map<string, string>()
  return (path) => {
    const shape = path.replaceAll(/:[a-z_]+/g, ':')
    if (!known.has(shape)) known.set(shape, path)
    return known.get(shape)!
  }
}

const templated = (path: string): string => path.replaceAll(/:([a-z_]+)/g, '{$1}')

function routeOf(tag: string, row: RouteRow, v: Version): Operation {
  return {
    operationId: `${row.method.toLowerCase()}${row.path.replaceAll(/[^a-zA-Z0-9]+/g, '_')}`,
    summary: summaryOf(row, `${row.method} ${row.path}`),
    tags: [tag],
    parameters: [...pathParameters(row.path), ...queryParameters(row, v)],
    ...(row.body ? { requestBody: bodyOf(jsonSchema(row.body.schema(v))) } : {}),
    responses: responsesOf([statusOf(row, v)]),
    'x-openstack': factsOf(row, v),
  }
}

function actionsOf(tag: string, path: string, rows: readonly ActionRow[], v: Version): Operation {
  return {
    operationId: `post${path.replaceAll(/[^a-zA-Z0-9]+/g, '_')}`,
    summary: 'Do one of several things: the key of the body says which.',
    tags: [tag],
    parameters: pathParameters(path),
    requestBody: bodyOf({ oneOf: rows.map((row) => actionBody(row, v)) }),
    responses: responsesOf(rows.map((row) => statusOf(row, v))),
    'x-openstack': factsOfActions(rows, v),
  }
}

function withMore(operation: Operation, rows: readonly ActionRow[], v: Version): Operation {
  const known = operation.requestBody!.content['application/json']!.schema.oneOf as JsonSchema[]
  return {
    ...operation,
    requestBody: bodyOf({ oneOf: [...known, ...rows.map((row) => actionBody(row, v))] }),
    responses: { ...responsesOf(rows.map((row) => statusOf(row, v))), ...operation.responses },
    'x-openstack': { ...operation['x-openstack'], ...factsOfActions(rows, v) } as Operation['x-openstack'],
  }
}

function actionBody(row: ActionRow, v: Version): JsonSchema {
  const schema = row.body ? jsonSchema(row.body.schema(v)) : { type: 'object', properties: { [row.key]: {} } }
  return { title: row.key, required: [row.key], ...schema }
}

const factsOfActions = (rows: readonly ActionRow[], v: Version) =>
  Object.fromEntries(rows.map((row) => [row.key, { ...factsOf(row, v), summary: summaryOf(row, row.key) }]))

const factsOf = (row: Row, v: Version): Facts => ({
  min: versionText(row.since),
  max: Number.isFinite(row.until) ? versionText(row.until) : null,
  policy: row.policy,
  status: statusOf(row, v),
})

const statusOf = (row: Row, v: Version): number => row.ok.find(([since]) => since <= v)![1]

/** What the rule allows is what the route does. */
const summaryOf = (row: Row, fallback: string): string =>
  (row.policy && computePolicies[row.policy]?.description) || fallback

const bodyOf = (schema: JsonSchema) => ({ required: true as const, content: { 'application/json': { schema } } })

function responsesOf(statuses: readonly number[]): Record<string, unknown> {
  const done = statuses.map((status): [string, unknown] => [
    String(status),
    status === 204 || status === 202
      ? { description: 'Done, or begun.' }
      : { description: 'Done.', content: { 'application/json': { schema: { type: 'object' } } } },
  ])
  return { ...Object.fromEntries(done), default: { $ref: '#/components/responses/fault' } }
}

const pathParameters = (path: string): Parameter[] =>
  [...path.matchAll(/:([a-z_]+)/g)].map(([, name]) => ({
    name: name!,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

function queryParameters(row: RouteRow, v: Version): Parameter[] {
  const fields = row.query ? (row.query.schema(v) as TObject).properties : {}
  return Object.entries(fields).map(([name, field]: [string, TSchema]) => ({
    name,
    in: 'query',
    required: false,
    // Each is a list of what stands there; most mean something only once.
    schema: field.maxItems === 1 ? jsonSchema(field.items) : { type: 'array', items: jsonSchema(field.items) },
  }))
}
