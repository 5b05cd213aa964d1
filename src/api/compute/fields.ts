import { isIPv4, isIPv6 } from 'node:net'
import { FormatRegistry, Kind, type TSchema, Type as T, TypeRegistry } from '@sinclair/typebox'

/**
 * The types that Nova's request schemas are made of. Each is as wide and as narrow as Nova's: a client that works there
 * must work here, and a negative test that passes there must pass here.
 */

const PRINTABLE = String.raw`[^\p{C}\p{Zl}\p{Zp}]`

/** 1 to 255 printable characters, no blank at either end. */
export const Name = T.RegExp(new RegExp(`^(?!\\s)${PRINTABLE}+(?<!\\s)$`, 'u'), { minLength: 1, maxLength: 255 })

/** A name without a colon, which parts zone, host and node where a server is created. */
export const ZoneName = T.RegExp(new RegExp(`^(?!\\s)(?:(?!:)${PRINTABLE})+(?<!\\s)$`, 'u'), {
  minLength: 1,
  maxLength: 255,
})

export const Description = T.Union([T.RegExp(new RegExp(`^${PRINTABLE}*$`, 'u'), { maxLength: 255 }), T.Null()])

export const LongDescription = T.Union([
  T.RegExp(new RegExp(`^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]*$`, 'u'), { maxLength: 65_535 }),
  T.Null(),
])

export const Fqdn = T.String({ pattern: '^[a-zA-Z0-9\\-._]*$', minLength: 1, maxLength: 255 })

/** With or without dashes, in any case, as Nova's own check has it. */
const UUID_FORM = '^(urn:)?(uuid:)?\\{?[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\\}?$'
export const Uuid = T.String({ pattern: UUID_FORM, maxLength: 64 })

/** The one form in which an id is stored, of any that `Uuid` accepts. */
export function canonicalUuid(text: string): string {
  const hex = text
    .toLowerCase()
    .replace(/^urn:/, '')
    .replace(/^uuid:/, '')
    .replaceAll(/[{}-]/g, '')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

export const Metadata = T.Record(T.String({ pattern: '^[a-zA-Z0-9\\-_:. ]{1,255}$' }), T.String({ maxLength: 255 }), {
  additionalProperties: false,
})

/** Extra specs: numbers are taken as their text. */
export const ExtraSpecs = T.Record(
  T.String({ pattern: '^[a-zA-Z0-9\\-_:. ]{1,255}$' }),
  T.Union([T.String({ maxLength: 255 }), T.Number()]),
  { additionalProperties: false },
)

export const Tag = T.String({ minLength: 1, maxLength: 60, pattern: '^[^,/]*$' })

FormatRegistry.Set('ipv4', isIPv4)
FormatRegistry.Set('ipv6', isIPv6)
FormatRegistry.Set('ip', (text) => isIPv4(text) || isIPv6(text))
export const Ipv4 = T.String({ format: 'ipv4' })
export const Ipv6 = T.String({ format: 'ipv6' })
export const Ip = T.String({ format: 'ip', maxLength: 45 })

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
FormatRegistry.Set('base64', (text) => BASE64.test(text.replaceAll(/\s/g, '')))
export const Base64 = (maxLength: number) => T.String({ format: 'base64', maxLength })

const DATE = String.raw`\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])`
const TIME = String.raw`([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?`
const DATE_TIME = new RegExp(String.raw`^${DATE}([T ]${TIME}(Z|[+-]\d{2}:?\d{2})?)?$`)
FormatRegistry.Set('nova-date-time', (text) => DATE_TIME.test(text) && !Number.isNaN(dateTime(text).getTime()))
export const DateTime = T.String({ format: 'nova-date-time', maxLength: 40 })

/** What `DateTime` accepted. A time without a zone is UTC. */
export function dateTime(text: string): Date {
  const iso = text.replace(' ', 'T').replace(/([+-]\d{2})(\d{2})$/, '$1:$2')
  return new Date(/T.*(Z|[+-]\d{2}:\d{2})$/.test(iso) || !iso.includes('T') ? iso : `${iso}Z`)
}

const BOOLEANS = new Map<unknown, boolean>([
  ...[true, 1, '1', 'TRUE', 'True', 'true', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'].map((v) => [v, true] as const),
  ...[false, 0, '0', 'FALSE', 'False', 'false', 'OFF', 'Off', 'off', 'NO', 'No', 'no'].map((v) => [v, false] as const),
])

/** What Nova takes for a boolean: JSON's, and the words for one. `boolean()` reads it. */
export const Bool = T.Unsafe<boolean | string | number>({ [Kind]: 'NovaBoolean', errorMessage: 'It is not a boolean.' })
TypeRegistry.Set('NovaBoolean', (_schema, value) => BOOLEANS.has(value))
export const boolean = (value: boolean | string | number): boolean => BOOLEANS.get(value) ?? false

export const MAX_INTEGER = 2_147_483_647

interface IntegerSchema extends TSchema {
  minimum: number
  maximum: number
}
TypeRegistry.Set<IntegerSchema>('NovaInteger', ({ minimum, maximum }, value) => {
  const decimal = typeof value === 'string' && /^-?\d{1,15}$/.test(value)
  if (!decimal && typeof value !== 'number') return false
  const number = Number(value)
  return Number.isSafeInteger(number) && number >= minimum && number <= maximum
})

/** A JSON integer, or its decimal text; the bounds hold for the value. `integer()` reads it. */
export const Int = (minimum: number, maximum = MAX_INTEGER) =>
  T.Unsafe<number | string>({
    [Kind]: 'NovaInteger',
    minimum,
    maximum,
    errorMessage: `It is not an integer from ${minimum} to ${maximum}.`,
  })
export const integer = (value: number | string): number => Number(value)

/** A key of a query: it may stand there several times. */
export const Many = <S extends TSchema>(item: S) => T.Optional(T.Array(item, { maxItems: 100 }))
/** A key of a query that may stand there once. */
export const Once = <S extends TSchema>(item: S) => T.Optional(T.Array(item, { maxItems: 1 }))

export const Text = T.String({ maxLength: 255 })

/** The product of all upper bounds of repeats in a pattern may not pass this: the machine for it has as many states. */
const MAX_REPEATS = 1000

/**
 * What costs a database more than one look at each character: to refer back to what was matched, to look around, and
 * repeats of repeats. The rest PostgreSQL matches in a time that grows with the text alone.
 */
function isCostly(pattern: string): boolean {
  if ([...pattern.matchAll(/\\([^])/g)].some(([, sign]) => /[1-9]/.test(sign!))) return true
  if (/\(\?(?:[=!]|<[=!])/.test(pattern)) return true
  const repeats = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].map(([, least, most]) => Number(most || least))
  return repeats.reduce((product, count) => product * Math.max(count, 1), 1) > MAX_REPEATS
}

FormatRegistry.Set('nova-regex', (text) => {
  if (text.length === 0 || isCostly(text)) return false
  try {
    new RegExp(text, 'u')
    return true
  } catch {
    return false
  }
})
/** A filter that is matched as a regular expression. */
export const Pattern = T.String({
  format: 'nova-regex',
  maxLength: 255,
  errorMessage: 'It is not a regular expression, or one that takes too long to look for.',
})

/** A count in a query, as text. */
export const CountText = Int(0)

/** 0 or more, as a number or its text; Nova keeps it although nothing reads it. */
export const RxtxFactor = T.Union([
  T.Number({ minimum: 0, maximum: 3.402_82e38 }),
  T.String({ pattern: '^[0-9]+(\\.[0-9]+)?$', maxLength: 40 }),
])

const FLAVOR_SORT_KEYS = [
  'created_at',
  'description',
  'disabled',
  'ephemeral_gb',
  'flavorid',
  'id',
  'is_public',
  'memory_mb',
  'name',
  'root_gb',
  'swap',
  'updated_at',
  'vcpu_weight',
  'vcpus',
]
export function FlavorSortKey({ rxtx }: { rxtx: boolean }) {
  return T.Union([...FLAVOR_SORT_KEYS, ...(rxtx ? ['rxtx_factor'] : [])].map((key) => T.Literal(key)))
}

/** Until 2.92, which lets `@` and `.` in. */
export const PlainKeypairName = T.RegExp(/^(?! )[_\- a-zA-Z0-9]+(?<! )$/, { minLength: 1, maxLength: 255 })
export const KeypairName = T.RegExp(/^(?! )[_\-@. a-zA-Z0-9]+(?<! )$/, { minLength: 1, maxLength: 255 })

const words = (...given: string[]) => T.Union(given.map((word) => T.Literal(word)))

/** Words of Nova for consoles, more than any cloud has consoles; later versions know others too. */
export const ConsoleProtocol = (...later: string[]) => words('vnc', 'spice', 'serial', 'rdp', ...later)
export const ConsoleType = (...later: string[]) =>
  words('novnc', 'xvpvnc', 'spice-html5', 'serial', 'rdp-html5', ...later)
