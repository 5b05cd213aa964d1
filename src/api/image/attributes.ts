import { type TSchema, Type as T } from '@sinclair/typebox'
import {
  CONTAINER_FORMATS,
  DISK_FORMATS,
  type Image,
  type ImageFields,
  MAX_NAME,
  MAX_PROPERTIES,
  MAX_PROPERTY_VALUE,
  MAX_TAGS,
  VISIBILITIES,
} from '../../image/index.ts'
import { badRequest, forbidden, Problem } from '../../kernel/index.ts'
import { validator } from '../../platform/http/index.ts'

const oneOf = (values: readonly string[]) => T.Union(values.map((value) => T.Literal(value)))
const nullable = (schema: TSchema) => T.Union([schema, T.Null()])
const Name = T.String({ maxLength: MAX_NAME })
const Count = T.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })

/** Attributes that callers may set: Glance's name, ours, and what fits. */
const ATTRIBUTES: Readonly<Record<string, { readonly field: keyof ImageFields; readonly schema: TSchema }>> = {
  name: { field: 'name', schema: nullable(Name) },
  visibility: { field: 'visibility', schema: oneOf(VISIBILITIES) },
  protected: { field: 'protected', schema: T.Boolean() },
  os_hidden: { field: 'hidden', schema: T.Boolean() },
  owner: { field: 'owner', schema: T.String({ minLength: 1, maxLength: MAX_NAME }) },
  disk_format: { field: 'disk_format', schema: nullable(oneOf(DISK_FORMATS)) },
  container_format: { field: 'container_format', schema: nullable(oneOf(CONTAINER_FORMATS)) },
  min_disk: { field: 'min_disk_gb', schema: Count },
  min_ram: { field: 'min_ram_mb', schema: Count },
  tags: { field: 'tags', schema: T.Array(Name) },
}

/** Attributes that only the service sets. */
const READ_ONLY = new Set([
  'id',
  'status',
  'size',
  'virtual_size',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'created_at',
  'updated_at',
  'self',
  'file',
  'schema',
  'direct_url',
  'stores',
])
/** Names that Glance keeps for itself. */
const RESERVED = new Set(['deleted', 'deleted_at', 'is_public', 'location', 'locations', 'properties', 'member_id'])

const checks = new Map<string, (value: unknown) => unknown>(
  Object.entries(ATTRIBUTES).map(([name, { schema }]) => [name, validator(schema, { what: name })]),
)
const property = validator(T.String({ maxLength: MAX_PROPERTY_VALUE }), { what: 'property' })

/** Attributes that a server-to-be was planned with; they stay once there are bytes. */
const ONLY_WHILE_QUEUED = new Set(['disk_format', 'container_format'])

/** What an image is before anybody says anything about it. */
export function defaultFields(owner: string): ImageFields {
  return {
    name: null,
    visibility: 'shared',
    protected: false,
    hidden: false,
    owner,
    disk_format: null,
    container_format: null,
    min_disk_gb: 0,
    min_ram_mb: 0,
    tags: [],
    properties: {},
  }
}

/** The part of an image that callers choose. */
export function fieldsOf(image: Image): ImageFields {
  const defaults = defaultFields(image.owner)
  return Object.fromEntries(
    Object.keys(defaults).map((key) => [key, image[key as keyof ImageFields]]),
  ) as unknown as ImageFields
}

/**
 * The image's fields with other properties.
 * @throws {Problem} forbidden and bad_request as `setAttribute`, and for a property with the name of an attribute
 */
export function withProperties(image: Image, properties: Readonly<Record<string, string>>): ImageFields {
  let fields: ImageFields = { ...fieldsOf(image), properties: {} }
  for (const [name, value] of Object.entries(properties)) {
    if (Object.hasOwn(ATTRIBUTES, name)) throw badRequest(`'${name}' is an attribute of the image, not a property.`)
    fields = setAttribute(fields, name, value)
  }
  return fields
}

/**
 * Sets an attribute or, under any other name, a property.
 * @throws {Problem} forbidden for what only the service sets, bad_request for a value that does not fit
 */
export function setAttribute(fields: ImageFields, name: string, value: unknown): ImageFields {
  refuseForeign(name)
  const attribute = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name] : undefined
  if (attribute) {
    const checked = checks.get(name)!(value)
    return { ...fields, [attribute.field]: name === 'tags' ? tagList(checked as string[]) : checked }
  }
  if (name === '' || name.length > MAX_NAME) throw badRequest(`A property has a name of 1 to ${MAX_NAME} characters.`)
  const properties = { ...fields.properties, [name]: property(value) as string }
  if (Object.keys(properties).length > MAX_PROPERTIES) {
    throw new Problem(
      'too_large',
      `The limit has been exceeded on the number of allowed image properties: ${MAX_PROPERTIES}.`,
    )
  }
  return { ...fields, properties }
}

/** @throws {Problem} forbidden for attributes, conflict for a property that is not there */
export function removeProperty(fields: ImageFields, name: string): ImageFields {
  refuseForeign(name)
  if (Object.hasOwn(ATTRIBUTES, name)) throw forbidden(`Property ${name} may not be removed.`)
  const { [name]: removed, ...properties } = fields.properties
  if (removed === undefined) throw new Problem('conflict', `Property ${name} does not exist.`)
  return { ...fields, properties }
}

export function hasAttribute(fields: ImageFields, name: string): boolean {
  return Object.hasOwn(ATTRIBUTES, name) || Object.hasOwn(fields.properties, name)
}

/** @throws {Problem} too_large over the quota */
export function tagList(tags: readonly string[]): string[] {
  const distinct = [...new Set(tags)].sort()
  if (distinct.length > MAX_TAGS) {
    throw new Problem('too_large', `The limit has been exceeded on the number of allowed image tags: ${MAX_TAGS}.`)
  }
  return distinct
}

/** @throws {Problem} forbidden when a format changes of an image that has bytes, or is about to */
export function refuseLateChange(image: Image, name: string): void {
  if (image.status === 'queued' || !ONLY_WHILE_QUEUED.has(name)) return
  throw forbidden(`Attribute ${name} can be only replaced for a queued image.`)
}

/** @throws {Problem} forbidden for names that are not the caller's to set */
export function refuseForeign(name: string): void {
  if (READ_ONLY.has(name)) throw forbidden(`Attribute '${name}' is read-only.`)
  if (RESERVED.has(name)) throw forbidden(`Attribute '${name}' is reserved.`)
}
