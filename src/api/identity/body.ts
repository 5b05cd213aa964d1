import { type Static, type TObject, type TSchema, Type } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import type { Attributes } from '../../identity/index.ts'
import { badRequest } from '../../kernel/index.ts'

const MAX_PATH_LENGTH = 100

/**
 * A checker for one kind of body. Unlike elsewhere, a refusal names the place but never repeats a value: bodies of this
 * API hold passwords, and refusals end in logs.
 * @returns a function that gives the body back typed, or throws Problem bad_request
 */
export function bodyOf<T extends TSchema>(schema: T): (body: unknown) => Static<T> {
  let check: TypeCheck<T> | undefined
  return (body) => {
    check ??= TypeCompiler.Compile(schema)
    if (check.Check(body)) return body
    const first = check.Errors(body).First()
    const place = (first?.path.slice(1).replaceAll('/', '.') || 'body').slice(0, MAX_PATH_LENGTH)
    throw badRequest(`Invalid input for field ${place}: ${first?.message ?? 'not as expected'}.`)
  }
}

export const Id = Type.String({ minLength: 1, maxLength: 64 })
export const Name = Type.String({ minLength: 1, maxLength: 255, pattern: '\\S' })
/** Of domains and projects, which Keystone bounds more tightly. */
export const ShortName = Type.String({ minLength: 1, maxLength: 64, pattern: '\\S' })
export const Description = Type.String({ maxLength: 4096 })
/** Options are things this identity has none of: an empty object says the same as leaving it out. */
export const NoOptions = Type.Object({}, { additionalProperties: false })

/** A field that is set once, when the thing is made. */
export const NoChange = Type.Optional(Type.Never())

const AttributeValue = Type.Union([Type.String({ maxLength: 1024 }), Type.Number(), Type.Boolean(), Type.Null()])

/** An object that may carry attributes of the client's own beside the known ones. */
export function withAttributes<T extends TObject>(known: T): T {
  return { ...known, additionalProperties: AttributeValue }
}

/** Characters of all of a thing's attributes as JSON. */
const MAX_ATTRIBUTES_LENGTH = 8192

/**
 * Parts the fields we keep from the client's own attributes; what the schema knows beside `kept` is left out.
 * @throws {Problem} bad_request when the attributes are too many to keep
 */
export function splitAttributes<T extends object, K extends keyof T & string>(
  body: T,
  kept: readonly K[],
  leftOut: readonly string[] = [],
): { fields: Pick<T, K>; extra: Attributes } {
  const fields: [string, unknown][] = []
  const extra: [string, unknown][] = []
  for (const entry of Object.entries(body)) {
    if ((kept as readonly string[]).includes(entry[0])) fields.push(entry)
    else if (!leftOut.includes(entry[0])) extra.push(entry)
  }
  if (JSON.stringify(extra).length > MAX_ATTRIBUTES_LENGTH) throw tooManyAttributes()
  return { fields: Object.fromEntries(fields) as Pick<T, K>, extra: Object.fromEntries(extra) as Attributes }
}

const tooManyAttributes = () => badRequest('There are too many additional attributes.')
