import { type Static, Type as T } from '@sinclair/typebox'
import type { Image, ImageFields } from '../../image/index.ts'
import { badRequest, conflict } from '../../kernel/index.ts'
import { validator } from '../../platform/http/index.ts'
import { fieldsOf, hasAttribute, refuseForeign, refuseLateChange, removeProperty, setAttribute } from './attributes.ts'

const MAX_OPERATIONS = 256

const path = T.String({ minLength: 2, maxLength: 1024 })
const Patch = T.Array(
  T.Union([
    T.Object({ op: T.Union([T.Literal('add'), T.Literal('replace')]), path, value: T.Unknown() }),
    T.Object({ op: T.Literal('remove'), path }),
  ]),
  { maxItems: MAX_OPERATIONS },
)
export type Patch = Static<typeof Patch>

/** A body of RFC 6902 with the operations that Glance has. @throws {Problem} bad_request */
export const parsePatch = validator(Patch, { what: 'patch' })

/** The image with all operations done, or none: whatever is refused ends it. @throws {Problem} */
export function applyPatch(image: Image, patch: Patch): ImageFields {
  return patch.reduce((fields, operation) => apply(image, fields, operation), fieldsOf(image))
}

function apply(image: Image, fields: ImageFields, operation: Patch[number]): ImageFields {
  const name = attributeName(operation.path)
  refuseForeign(name)
  refuseLateChange(image, name)
  if (operation.op === 'remove') return removeProperty(fields, name)
  if (operation.op === 'replace' && !hasAttribute(fields, name)) throw conflict(`Property ${name} does not exist.`)
  return setAttribute(fields, name, operation.value)
}

/** A JSON pointer of one step; Glance has nothing deeper that could be changed here. */
function attributeName(pointer: string): string {
  const steps = pointer.split('/')
  if (steps.length !== 2 || steps[0] !== '') throw badRequest(`Invalid JSON pointer for this resource: '${pointer}'`)
  if (/~(?![01])/.test(steps[1]!))
    throw badRequest(`Pointer '${pointer}' contains a '~' that is not part of an escape.`)
  return steps[1]!.replaceAll('~1', '/').replaceAll('~0', '~')
}
