import { type Amounts, isCustomTrait, isResourceClass, type ProviderQuery, TRAITS } from '../../compute/index.ts'
import { badRequest, isUuid } from '../../kernel/index.ts'
import type { Version } from './version.ts'

type Values = ReadonlyMap<string, readonly string[]>

/** A query parameter: since when there is one, and whether it may come more than once. */
interface Parameter {
  readonly from: Version
  readonly repeats?: boolean
}
export type Parameters = Readonly<Record<string, Parameter>>

/** From here on a filter may say what must not be: `!HW_CPU_X86_AVX`. */
const FORBIDDEN_TRAITS_FROM = 22
const FORBIDDEN_AGGREGATES_FROM = 32
const ANY_TRAITS_FROM = 39
const MAX_PARAMETERS = 100

/** The parameters of a query. @throws {Problem} bad_request for one that the version does not have */
export function parametersOf(query: URLSearchParams, known: Parameters, version: Version): Values {
  if (query.size > MAX_PARAMETERS) throw invalid(`more than ${MAX_PARAMETERS} parameters`)
  const values = new Map<string, string[]>()
  for (const [name, value] of query) {
    const parameter = Object.hasOwn(known, name) ? known[name] : undefined
    if (!parameter || version < parameter.from) {
      throw invalid(`Additional properties are not allowed ('${name.slice(0, 64)}' was unexpected)`)
    }
    const all = values.get(name) ?? []
    if (all.length > 0 && !parameter.repeats) throw invalid(`'${name}' may be given once`)
    values.set(name, [...all, value])
  }
  return values
}

export const PROVIDER_PARAMETERS: Parameters = {
  name: { from: 0 },
  uuid: { from: 0 },
  member_of: { from: 3, repeats: true },
  resources: { from: 4 },
  in_tree: { from: 14 },
  required: { from: 18, repeats: true },
}

/** @throws {Problem} bad_request naming the parameter */
export function providerQuery(values: Values, version: Version): ProviderQuery {
  const [name, uuid, tree] = ['name', 'uuid', 'in_tree'].map((key) => values.get(key)?.[0])
  for (const [key, id] of [['uuid', uuid], ['in_tree', tree]] as const) {
    if (id !== undefined && !isUuid(id)) throw invalid(`'${key}' must be a UUID`)
  }
  // Each node is a tree of its own.
  const uuids = [uuid, tree].filter((id) => id !== undefined)
  const resources = values.get('resources')?.[0]
  return {
    ...(name !== undefined && { name }),
    ...(uuids.length > 0 && { uuids: new Set(uuids).size === 1 ? uuids : [] }),
    ...aggregatesOf(values.get('member_of') ?? [], version),
    ...traitsWanted(values.get('required') ?? [], version),
    ...(resources !== undefined && { resources: amountsWanted(resources) }),
  }
}

/** `VCPU:1,MEMORY_MB:512` */
export function amountsWanted(text: string): Amounts {
  const amounts = text.split(',').map((part) => {
    const [name = '', amount = '', ...rest] = part.split(':')
    if (rest.length > 0 || !/^[1-9]\d{0,9}$/.test(amount)) {
      throw badRequest(
        `Badly formed resources parameter. Expected resources query string parameter in form: ` +
          `?resources=VCPU:2,MEMORY_MB:1024. Got: ${text.slice(0, 100)}.`,
      )
    }
    if (!isResourceClass(name)) throw badRequest(`Invalid resource class in resources parameter: ${name.slice(0, 64)}`)
    return [name, Number(amount)] as const
  })
  return Object.fromEntries(amounts)
}

/** `uuid`, `in:uuid,uuid`, `!uuid`, `!in:uuid,uuid` */
function aggregatesOf(values: readonly string[], version: Version): Pick<ProviderQuery, 'memberOf' | 'notMemberOf'> {
  const memberOf: string[][] = []
  const notMemberOf: string[] = []
  for (const value of values) {
    const not = value.startsWith('!') && version >= FORBIDDEN_AGGREGATES_FROM
    const text = not ? value.slice(1) : value
    const ids = text.startsWith('in:') ? text.slice(3).split(',') : [text]
    const wrong = ids.find((id) => !isUuid(id))
    if (wrong !== undefined) {
      throw badRequest(`Expected 'member_of' parameter to contain valid UUID(s). Got: ${wrong.slice(0, 64)}`)
    }
    if (not) notMemberOf.push(...ids)
    else memberOf.push(ids)
  }
  return { memberOf, notMemberOf }
}

/** `A,B`, `!A`, `in:A,B` */
function traitsWanted(values: readonly string[], version: Version): Pick<ProviderQuery, 'required' | 'forbidden'> {
  if (values.length > 1 && version < ANY_TRAITS_FROM) throw invalid(`'required' may be given once`)
  const required: string[][] = []
  const forbidden: string[] = []
  for (const value of values) {
    if (value.startsWith('in:') && version >= ANY_TRAITS_FROM) {
      required.push(value.slice(3).split(',').map(known))
      continue
    }
    for (const word of value.split(',')) {
      if (word.startsWith('!') && version >= FORBIDDEN_TRAITS_FROM) forbidden.push(known(word.slice(1)))
      else required.push([known(word)])
    }
  }
  return { required, forbidden }
}

function known(trait: string): string {
  if (!TRAITS.includes(trait) && !isCustomTrait(trait)) throw badRequest(`No such trait(s): ${trait.slice(0, 100)}.`)
  return trait
}

export const invalid = (reason: string) => badRequest(`Invalid query string parameters: ${reason}.`)
