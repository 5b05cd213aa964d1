import { Problem } from '../../kernel/index.ts'
import { attributeAt } from '../host-state.ts'
import type { Host } from '../host.ts'

export const MAX_QUERY_CHARS = 4_096
const MAX_DEPTH = 16

/** A query with its `$names` taken apart. */
type Expression = { readonly operator: Operator; readonly args: readonly Argument[] } | true
type Argument = Expression | { readonly path: readonly string[] } | string | number | boolean

const COMPARISONS = {
  '=': (left: Value, right: Value) => left === right,
  '<': (left: Value, right: Value) => left < right,
  '>': (left: Value, right: Value) => left > right,
  '<=': (left: Value, right: Value) => left <= right,
  '>=': (left: Value, right: Value) => left >= right,
}
type Value = number | string
type Operator = keyof typeof COMPARISONS | 'in' | 'and' | 'or' | 'not'

const OPERATORS: ReadonlySet<string> = new Set([...Object.keys(COMPARISONS), 'in', 'and', 'or', 'not'])

/**
 * Reads the hint `query`: `["and", [">=", "$free_ram_mb", 1024], ["=", "$hypervisor_type", "QEMU"]]`.
 * @returns what it says of a host
 * @throws {Problem} bad_request that says what is wrong with it
 */
export function parseQuery(text: string): (host: Host) => boolean {
  const query = expressionOf(jsonOf(text), 1)
  return (host) => {
    const result = evaluate(query, host)
    return Array.isArray(result) ? result.some(Boolean) : Boolean(result)
  }
}

const wrong = (what: string): Problem => new Problem('bad_request', `Invalid scheduler hint query: ${what}.`)

function jsonOf(text: string): unknown {
  if (text.length > MAX_QUERY_CHARS) throw wrong(`it is longer than ${MAX_QUERY_CHARS} characters`)
  if (text === '') return []
  try {
    return JSON.parse(text)
  } catch {
    throw wrong('it is not JSON')
  }
}

function expressionOf(json: unknown, depth: number): Expression {
  if (depth > MAX_DEPTH) throw wrong(`it is nested deeper than ${MAX_DEPTH}`)
  if (!Array.isArray(json)) throw wrong('an expression is a list: [operator, argument, …]')
  if (json.length === 0) return true
  const [operator, ...args] = json as unknown[]
  if (typeof operator !== 'string' || !OPERATORS.has(operator)) {
    throw wrong(`${JSON.stringify(operator).slice(0, 40)} is none of ${[...OPERATORS].join(' ')}`)
  }
  return { operator: operator as Operator, args: args.flatMap((arg) => argumentOf(arg, depth)) }
}

/** An argument that is null is left out, as one that a host does not have is. */
function argumentOf(json: unknown, depth: number): readonly Argument[] {
  if (json === null || json === '') return []
  if (Array.isArray(json)) return [expressionOf(json, depth + 1)]
  if (typeof json === 'string') return json.startsWith('$') ? [{ path: json.slice(1).split('.') }] : [json]
  if (typeof json === 'number' || typeof json === 'boolean') return [json]
  throw wrong('an argument is an expression, a text, a number or $name')
}

/** Nova's rules: `not` answers a list, and within `and` and `or` a list counts as true when it is not empty. */
function evaluate(expression: Expression, host: Host): boolean | boolean[] {
  if (expression === true) return true
  const { operator, args } = expression
  const values = args.map((arg) => valueOf(arg, host)).filter((value) => value !== undefined)
  switch (operator) {
    case 'and':
      return values.every(truthy)
    case 'or':
      return values.some(truthy)
    case 'not':
      return values.map((value) => !truthy(value))
    case 'in':
      return values.length > 1 && values.slice(1).some((value) => compare('=', values[0], value))
    default:
      return values.length > 1 && values.slice(1).every((value) => compare(operator, values[0], value))
  }
}

function valueOf(arg: Argument, host: Host): unknown {
  if (typeof arg !== 'object' && arg !== true) return arg
  if (arg === true) return true
  return 'path' in arg ? attributeAt(host, arg.path) : evaluate(arg, host)
}

const truthy = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : Boolean(value))

/** Values of different kinds compare as false. */
function compare(operator: keyof typeof COMPARISONS, left: unknown, right: unknown): boolean {
  const [one, other] = [comparable(left), comparable(right)]
  return one !== null && other !== null && typeof one === typeof other && COMPARISONS[operator](one, other)
}

function comparable(value: unknown): Value | null {
  if (typeof value === 'boolean') return Number(value)
  return typeof value === 'number' || typeof value === 'string' ? value : null
}
