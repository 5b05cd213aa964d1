import type { Static, TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler, ValueErrorType } from '@sinclair/typebox/compiler'
import { badRequest } from '../../kernel/index.ts'

/** Values are echoed in refusals only this far. */
const MAX_ECHO = 200

/**
 * A checker for one kind of body or query, as strict as its schema: an object schema should say
 * `additionalProperties: false`, and the refusal then names the surplus key. Nothing is coerced or stripped.
 *
 * @param what names the whole value in a refusal about its root, e.g. `keypair`
 * @returns a function that gives the value back typed, or throws Problem bad_request with Nova's sentence
 *   `Invalid input for field/attribute <name>. Value: <value>. <reason>`
 */
export function validator<T extends TSchema>(schema: T, { what }: { what: string }): (value: unknown) => Static<T> {
  // Compiling costs about a millisecond and most processes meet few of the schemas: left to the first use.
  let check: TypeCheck<T> | undefined
  return (value) => {
    check ??= TypeCompiler.Compile(schema)
    if (check.Check(value)) return value
    throw refusal(check, value, what)
  }
}

function refusal(check: TypeCheck<TSchema>, value: unknown, what: string): Error {
  const first = check.Errors(value).First()
  if (!first) return badRequest(`Invalid input for field/attribute ${what}.`)
  const name = fieldOf(first.path) || what
  if (first.type === ValueErrorType.ObjectAdditionalProperties) {
    const owner = first.path.split('/').at(-2) || what
    return badRequest(
      `Invalid input for field/attribute ${owner}. Value: ${echo(parentOf(value, first.path))}. ` +
        `Additional properties are not allowed ('${cut(name)}' was unexpected)`,
    )
  }
  if (first.type === ValueErrorType.ObjectRequiredProperty) {
    const owner = first.path.split('/').at(-2) || what
    return badRequest(
      `Invalid input for field/attribute ${owner}. Value: ${echo(parentOf(value, first.path))}. ` +
        `'${cut(name)}' is a required property`,
    )
  }
  const reason = typeof first.schema.errorMessage === 'string' ? first.schema.errorMessage : first.message
  return badRequest(`Invalid input for field/attribute ${cut(name)}. Value: ${echo(first.value)}. ${reason}`)
}

/** The key at the end of the path; an entry of a list goes by the name of the list. */
function fieldOf(path: string): string {
  const steps = path.split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  return steps.findLast((step) => !/^\d+$/.test(step)) ?? ''
}

function parentOf(value: unknown, path: string): unknown {
  let parent = value
  for (const step of path.split('/').slice(1, -1)) {
    parent = (parent as Record<string, unknown> | undefined)?.[step.replaceAll('~1', '/').replaceAll('~0', '~')]
  }
  return parent
}

function echo(value: unknown): string {
  return cut(typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value)))
}

function cut(text: string): string {
  return text.length > MAX_ECHO ? `${text.slice(0, MAX_ECHO)}…` : text
}
