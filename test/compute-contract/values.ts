import { Kind, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'

/** Texts of which one fits wherever the API wants a text. */
const TEXTS = [
  'x',
  'xx',
  'f7b2e7c4-8a0d-4c0e-9d53-0f6a3c1f7a10',
  '10.0.0.9',
  '::1',
  '2026-01-01T00:00:00',
  'eA==',
  '/dev/vdb',
  '/24',
  '1',
  '0',
  'true',
  'a,b',
]

/**
 * A value that a schema of this API accepts, as small as can be: what must be there, and nothing else.
 * @throws where no text fits
 */
export function valueOf(schema: TSchema): unknown {
  switch (schema[Kind]) {
    case 'Object':
      return Object.fromEntries(
        ((schema.required as string[] | undefined) ?? []).map((key) => [key, valueOf(schema.properties[key])]),
      )
    case 'Record':
      return {}
    case 'Array':
      return Array.from({ length: schema.minItems ?? 0 }, () => valueOf(schema.items))
    case 'Union':
      return valueOf((schema.anyOf as TSchema[]).find((each) => each[Kind] === 'Null') ?? schema.anyOf[0])
    case 'Literal':
      return schema.const
    case 'Null':
      return null
    case 'NovaInteger':
      return Math.max(schema.minimum, 1)
    case 'Integer':
    case 'Number':
      return schema.minimum ?? 1
    case 'NovaBoolean':
    case 'Boolean':
      return true
    case 'Unknown':
      return null
    default: {
      const fitting = TEXTS.find((text) => Value.Check(schema, text))
      if (fitting === undefined) throw new Error(`no text fits ${JSON.stringify(schema)}`)
      return fitting
    }
  }
}
