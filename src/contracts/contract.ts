import type { Static, TSchema } from '@sinclair/typebox'
import { TypeCompiler, type TypeCheck } from '@sinclair/typebox/compiler'

/**
 * What crosses a process boundary: a name, a version and a schema. Both sides parse with it, so a message from another
 * release or a hostile host is refused at the door with the field's name.
 */
export interface Message<T extends TSchema> {
  readonly name: string
  readonly version: number
  readonly schema: T
  /** @throws {ContractError} naming the first field that does not fit. */
  parse(value: unknown): Static<T>
}

export class ContractError extends Error {
  override readonly name = 'ContractError'
}

/** Declares a message. Compiling its checker is left to the first use: most processes use few of them. */
export function message<T extends TSchema>(name: string, version: number, schema: T): Message<T> {
  let check: TypeCheck<T> | undefined
  return {
    name,
    version,
    schema,
    parse(value) {
      check ??= TypeCompiler.Compile(schema)
      if (check.Check(value)) return value
      const first = check.Errors(value).First()
      throw new ContractError(`${name} v${version}: ${first?.path || '/'} ${first?.message ?? 'does not fit'}`)
    },
  }
}
