import { Kind, type TSchema } from '@sinclair/typebox'

/** A JSON Schema, as OpenAPI 3.1 has it. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** Formats of this API's own, in words of JSON Schema. */
const FORMATS: Readonly<Record<string, JsonSchema>> = {
  'nova-date-time': { format: 'date-time' },
  'nova-regex': { format: 'regex' },
  base64: { contentEncoding: 'base64' },
  ip: { anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] },
}

const BOOLEAN_WORDS = ['true', 'True', 'TRUE', '1', 'on', 'On', 'ON', 'yes', 'Yes', 'YES']
const NOT = ['false', 'False', 'FALSE', '0', 'off', 'Off', 'OFF', 'no', 'No', 'NO']

/** What a request is checked by, for readers and generators: the same rules in standard words. */
export function jsonSchema(schema: TSchema): JsonSchema {
  switch (schema[Kind]) {
    case 'Object':
      return {
        type: 'object',
        properties: Object.fromEntries(
          Object.entries(schema.properties as Record<string, TSchema>).map(([key, each]) => [key, jsonSchema(each)]),
        ),
        ...(schema.required?.length > 0 ? { required: schema.required } : {}),
        ...(schema.additionalProperties === false ? { additionalProperties: false } : {}),
      }
    case 'Record':
      return {
        type: 'object',
        patternProperties: Object.fromEntries(
          Object.entries(schema.patternProperties as Record<string, TSchema>).map(([key, each]) => [key, jsonSchema(each)]),
        ),
        ...(schema.additionalProperties === false ? { additionalProperties: false } : {}),
      }
    case 'Array':
      return { type: 'array', items: jsonSchema(schema.items), ...kept(schema, 'minItems', 'maxItems', 'uniqueItems') }
    case 'Union':
      return unionOf(schema.anyOf)
    case 'Literal':
      return { const: schema.const }
    case 'Null':
      return { type: 'null' }
    case 'RegExp':
      return { type: 'string', pattern: schema.source, ...kept(schema, 'minLength', 'maxLength') }
    case 'String':
      return {
        type: 'string',
        ...kept(schema, 'minLength', 'maxLength', 'pattern'),
        ...(schema.format === undefined ? {} : (FORMATS[schema.format] ?? { format: schema.format })),
      }
    case 'NovaInteger':
      return {
        anyOf: [
          { type: 'integer', ...kept(schema, 'minimum', 'maximum') },
          { type: 'string', pattern: '^-?[0-9]{1,15}$' },
        ],
      }
    case 'NovaBoolean':
      return { anyOf: [{ type: 'boolean' }, { enum: [...BOOLEAN_WORDS, ...NOT, 0, 1] }] }
    case 'Integer':
      return { type: 'integer', ...kept(schema, 'minimum', 'maximum') }
    case 'Number':
      return { type: 'number', ...kept(schema, 'minimum', 'maximum') }
    case 'Boolean':
      return { type: 'boolean' }
    default:
      return {}
  }
}

/** Words to choose from read better as one list than as one schema each. */
function unionOf(each: readonly TSchema[]): JsonSchema {
  return each.every((schema) => schema[Kind] === 'Literal')
    ? { enum: each.map((schema) => schema.const) }
    : { anyOf: each.map(jsonSchema) }
}

function kept(schema: TSchema, ...keys: string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => schema[key] !== undefined).map((key) => [key, schema[key]]))
}
