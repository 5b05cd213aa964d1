import { type TProperties, Type as T } from '@sinclair/typebox'
import type { Links } from './links.ts'
import { type Version, type VersionText, version } from './version.ts'

/**
 * The words in which `history.ts` says what a microversion changed. Schemas and views are written in their newest form
 * only; what an older version accepts or shows is derived by undoing, newest first, each change above it.
 */
export interface Change {
  readonly kind: 'view' | 'shape' | 'behaviour'
  readonly name: string
  /** On a view: turns the answer of the version of the change into that of the one before. */
  readonly undoView?: UndoView
  /** On a request: turns the fields of the version of the change into those of the one before. */
  readonly undoFields?: (fields: TProperties) => TProperties
  /** On a query: before this version unknown keys were dropped instead of refused. */
  readonly closes?: true
}

/** What an older form of one key may need beside its value and its source. */
export interface Also {
  readonly answer: Readonly<Record<string, unknown>>
  readonly links: Links
}

export interface Entry {
  readonly version: Version
  readonly changes: readonly Change[]
}

/** `source` is what the view was made from: a field that has gone by now is made from it again. */
export type UndoView = (answer: Record<string, unknown>, source: never, links: Links) => void

export const at = (text: VersionText, ...changes: (Change | Change[])[]): Entry => ({
  version: version(text),
  changes: changes.flat(),
})

/** Changes of an answer, or of several that have the field in common. `S` is what the view is made from. */
export function view<S>(...names: string[]) {
  const each = (undoView: (answer: Record<string, unknown>, source: S, links: Links) => void): Change[] =>
    names.map((name) => ({ kind: 'view', name, undoView }))
  return {
    /** Keys that appear in this version. Before it they are undefined: JSON leaves those out, and nothing is copied. */
    gains: (...keys: string[]): Change[] =>
      each((answer) => {
        for (const key of keys) answer[key] = undefined
      }),
    /** Keys that are gone from this version on, with how they were made. */
    loses: (fields: Record<string, (source: S) => unknown>): Change[] =>
      each((answer, source) => {
        for (const key in fields) answer[key] = fields[key]!(source)
      }),
    /** A key whose value takes another form in this version. */
    reshapes: (key: string, before: (value: never, source: S, also: Also) => unknown): Change[] =>
      each((answer, source, links) => {
        if (answer[key] !== undefined) answer[key] = before(answer[key] as never, source, { answer, links })
      }),
  }
}

/** Changes of what a request may hold: its body, or its query. */
export function request(name: string) {
  const change = (undoFields: (fields: TProperties) => TProperties): Change => ({ kind: 'shape', name, undoFields })
  return {
    gains: (...keys: string[]): Change => change((fields) => omit(fields, keys)),
    loses: (before: TProperties): Change => change((fields) => ({ ...fields, ...before })),
    reshapes: (before: TProperties): Change => change((fields) => ({ ...fields, ...before })),
    /** Unknown keys of the query are refused from this version on. */
    closes: (): Change => ({ kind: 'shape', name, closes: true }),
  }
}

/** A change of what a request means rather than of its form; a handler asks `does(name)`. */
export const behaviour = (name: string): Change => ({ kind: 'behaviour', name })

function omit(fields: TProperties, keys: readonly string[]): TProperties {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)))
}

export interface History {
  /** The undo steps that lead a view from its newest form down to `v`. */
  viewUndos(name: string, v: Version): readonly UndoView[]
  /** The fields of a request at `v`, made from its newest ones. */
  fieldsAt(name: string, newest: TProperties, v: Version): TProperties
  /** False where unknown keys of a query are still dropped. */
  closedAt(name: string, v: Version): boolean
  /** The newest version ≤ `v` at which the request changed: all up to the next one are the same. */
  epoch(name: string, v: Version): Version
  does(name: string, v: Version): boolean
}

/** Makes a table of changes searchable. Entries may stand in any order. */
export function readHistory(entries: readonly Entry[]): History {
  const newestFirst = entries
    .flatMap((entry) => entry.changes.map((change): [Version, Change] => [entry.version, change]))
    .sort(([a], [b]) => b - a)
  const of = (kind: Change['kind'], name: string): [Version, Change][] =>
    newestFirst.filter(([, change]) => change.kind === kind && change.name === name)
  const memo = <R>(make: (key: string) => R): ((key: string) => R) => {
    const known = new Map<string, R>()
    return (key) => {
      let result = known.get(key)
      if (result === undefined) known.set(key, (result = make(key)))
      return result
    }
  }
  const views = memo((name) => of('view', name))
  const shapes = memo((name) => of('shape', name))
  const behaviours = memo((name) => of('behaviour', name)[0]?.[0] ?? Number.POSITIVE_INFINITY)

  return {
    viewUndos: (name, v) => views(name).flatMap(([at, { undoView }]) => (at > v && undoView ? [undoView] : [])),
    fieldsAt: (name, newest, v) =>
      shapes(name).reduce(
        (fields, [at, { undoFields }]) => (at > v && undoFields ? undoFields(fields) : fields),
        newest,
      ),
    closedAt: (name, v) => !shapes(name).some(([at, { closes }]) => closes && at > v),
    epoch: (name, v) => shapes(name).find(([at]) => at <= v)?.[0] ?? 1,
    does: (name, v) => behaviours(name) <= v,
  }
}

/** A closed object: a key it does not name is refused. */
export const closed = <P extends TProperties>(fields: P) => T.Object(fields, { additionalProperties: false })

/** An object in which unknown keys are let through; handlers never look at them. */
export const open = <P extends TProperties>(fields: P) => T.Object(fields)
