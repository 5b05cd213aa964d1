import type { Static, TObject, TProperties, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { assert, type RequestContext } from '../../kernel/index.ts'
import { type Call, validator } from '../../platform/http/index.ts'
import { closed, open } from './changes.ts'
import { changes } from './history.ts'
import type { Links } from './links.ts'
import { MIN_VERSION, type Version, type VersionText, version } from './version.ts'
import type { View } from './view.ts'

/** A request as a handler sees it: already of the newest form, allowed, and its target looked up. */
export interface Req<Body = unknown, Query = Record<string, never>, Subject = undefined> {
  readonly ctx: RequestContext
  readonly params: Readonly<Record<string, string>>
  readonly body: Body
  readonly query: Query
  readonly subject: Subject
  readonly links: Links
  readonly call: Call
  /** Renders `source` as the view has it at the version that was asked for. */
  as<S>(view: View<S>, source: S): Record<string, unknown>
  /** True from the version on in which `behaviour` came. */
  does(behaviour: string): boolean
  /** True where the caller may do `rule` to the subject (or `target`). */
  can(rule: string, target?: Readonly<Record<string, unknown>>): boolean
  /** @throws {Problem} forbidden where not. */
  must(rule: string, target?: Readonly<Record<string, unknown>>): void
}

/** The part of a request that is the same for every row. */
export type Asked = Omit<Req, 'body' | 'query' | 'subject'>

/** What a request may hold, in its newest form; older ones come from the history by `name`. */
export interface Shape<T> {
  readonly name: string
  /** The checker of one version. Compiled once for each span of versions between two changes. */
  at(v: Version): (value: unknown) => T
  /** What `at` checks by. */
  schema(v: Version): TSchema
  /** The checker of `/v2`: 2.1's, after surplus keys and blanks around names have been taken away. */
  legacy(value: unknown): T
}

/**
 * A request body. `fields` are those that the history speaks of; `around` is the object they stand in, which for most
 * is one key: `{ keypair: { … } }`.
 */
export function bodyShape<P extends TProperties, E extends TSchema>(
  name: string,
  fields: P,
  around: (inner: TObject<P>) => E,
): Shape<Static<E>> {
  return perEpoch<Static<E>, E>(
    name,
    (v) => around(closed(changes.fieldsAt(name, fields, v)) as TObject<P>),
    (schema) => validator(schema, { what: name }),
    (schema) => {
      const check = validator(schema, { what: name })
      return (value) => check(Value.Clean(schema, withTrimmedNames(value)))
    },
  )
}

/** `name` at the top of the object or of the one within it. */
function withTrimmedNames(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > 1) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === 'name' && typeof inner === 'string' ? inner.trim() : withTrimmedNames(inner, depth + 1),
    ]),
  )
}

/**
 * The keys of a query, each a list of its values in the order in which they stand. Where unknown keys are not refused
 * they are dropped: a key of a newer version must not have an effect in an older one.
 */
export function queryShape<P extends TProperties>(name: string, fields: P): Shape<Static<TObject<P>>> {
  return perEpoch(
    name,
    (v) => (changes.closedAt(name, v) ? closed : open)(changes.fieldsAt(name, fields, v)) as TObject<P>,
    (schema) => {
      const check = validator(schema, { what: 'query parameters' })
      if (schema.additionalProperties === false) return check
      const keys = Object.keys(schema.properties)
      return (value) => {
        const given = check(value) as Record<string, unknown>
        const kept = keys.filter((key) => key in given).map((key) => [key, given[key]])
        return Object.fromEntries(kept) as Static<TObject<P>>
      }
    },
  )
}

type Checker<T> = (value: unknown) => T

function perEpoch<T, S extends TSchema>(
  name: string,
  schemaAt: (v: Version) => S,
  checkerOf: (schema: S) => Checker<T>,
  legacyOf: (schema: S) => Checker<T> = checkerOf,
): Shape<T> {
  const schemas = new Map<Version, S>()
  const checkers = new Map<Version, Checker<T>>()
  let legacy: Checker<T> | undefined
  function schema(v: Version): S {
    const epoch = changes.epoch(name, v)
    let made = schemas.get(epoch)
    if (!made) schemas.set(epoch, (made = schemaAt(epoch)))
    return made
  }
  return {
    name,
    schema,
    at(v) {
      const epoch = changes.epoch(name, v)
      let checker = checkers.get(epoch)
      if (!checker) checkers.set(epoch, (checker = checkerOf(schema(v))))
      return checker
    },
    legacy: (value) => (legacy ??= legacyOf(schema(MIN_VERSION)))(value),
  }
}

type Handler = (req: Req<never, never, never>) => unknown

export interface Row {
  readonly since: Version
  readonly until: Version
  /** The rule that decides, without which everybody with a token may. A list: each must hold. */
  readonly policy: string | null
  readonly body: Shape<unknown> | null
  readonly query: Shape<unknown> | null
  /** Status of success by version, highest version first. */
  readonly ok: readonly (readonly [Version, number])[]
  /** Looks up what the request is about, before policy: a foreign object is not found rather than forbidden. */
  readonly subject: ((req: Asked) => unknown) | null
  readonly handle: Handler
}

export interface RouteRow extends Row {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below the version and the project: `/servers/:server_id`. */
  readonly path: string
}

/** One key of the body of `POST …/action`. */
export interface ActionRow extends Row {
  readonly path: string
  readonly key: string
}

export const isAction = (row: RouteRow | ActionRow): row is ActionRow => 'key' in row

export interface RowSpec<B, Q, S> {
  readonly since?: VersionText
  readonly until?: VersionText
  readonly policy: string | null
  readonly body?: Shape<B>
  readonly query?: Shape<Q>
  readonly ok: number | Partial<Record<VersionText, number>>
  readonly subject?: (req: Asked) => S | Promise<S>
  /** The answer's body, or a `Reply`; nothing is an empty body. */
  readonly handle: (req: Req<B, Q, S>) => unknown
}

export function route<B = null, Q = Record<string, never>, S = undefined>(
  method: RouteRow['method'],
  path: string,
  spec: RowSpec<B, Q, S>,
): RouteRow {
  return { method, path, ...row(spec) }
}

export function action<B = null, Q = Record<string, never>, S = undefined>(
  path: string,
  key: string,
  spec: RowSpec<B, Q, S>,
): ActionRow {
  return { path, key, ...row(spec) }
}

function row<B, Q, S>(spec: RowSpec<B, Q, S>): Row {
  const ok: [Version, number][] =
    typeof spec.ok === 'number'
      ? [[1, spec.ok]]
      : Object.entries(spec.ok)
          .map(([text, status]): [Version, number] => [version(text as VersionText), status as number])
          .sort(([a], [b]) => b - a)
  assert(ok.at(-1)?.[0] === version(spec.since ?? '2.1') || typeof spec.ok === 'number', 'each version has a status')
  return {
    since: version(spec.since ?? '2.1'),
    until: spec.until ? version(spec.until) : Number.POSITIVE_INFINITY,
    policy: spec.policy,
    body: spec.body ?? null,
    query: spec.query ?? null,
    ok,
    subject: spec.subject ?? null,
    handle: spec.handle as Handler,
  }
}

/** The rows of one resource: what a client finds below one path. */
export interface Resource {
  readonly name: string
  readonly rows: readonly (RouteRow | ActionRow)[]
}

export const resource = (name: string, rows: readonly (RouteRow | ActionRow)[]): Resource => ({ name, rows })

/** An answer that is more than its body. */
export class Reply {
  constructor(
    readonly body: unknown,
    readonly headers: Readonly<Record<string, string>> = {},
    readonly status?: number,
  ) {}
}
