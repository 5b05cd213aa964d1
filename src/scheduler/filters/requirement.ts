import { badRequest } from '../../kernel/index.ts'

type Operator = (value: string, operands: readonly string[]) => boolean

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Compares numbers; what is none meets no requirement. */
const numbers =
  (holds: (value: number, operand: number) => boolean): Operator =>
  (value, [operand = '']) =>
    NUMBER.test(value) && NUMBER.test(operand) && holds(Number(value), Number(operand))

const texts =
  (holds: (value: string, operand: string) => boolean): Operator =>
  (value, [operand = '']) =>
    holds(value, operand)

/** Nova's extra-spec operators. `=` is "at least", as it always was; there is no numeric `>` or `<`. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ['=', numbers((value, operand) => value >= operand)],
  ['>=', numbers((value, operand) => value >= operand)],
  ['<=', numbers((value, operand) => value <= operand)],
  ['==', numbers((value, operand) => value === operand)],
  ['!=', numbers((value, operand) => value !== operand)],
  ['s==', texts((value, operand) => value === operand)],
  ['s!=', texts((value, operand) => value !== operand)],
  ['s<', texts((value, operand) => value < operand)],
  ['s<=', texts((value, operand) => value <= operand)],
  ['s>', texts((value, operand) => value > operand)],
  ['s>=', texts((value, operand) => value >= operand)],
  ['<in>', texts((value, operand) => value.includes(operand))],
  ['<all-in>', (value, operands) => operands.every((operand) => value.includes(operand))],
  // `<or> a <or> b`: every other word is the operator again.
  ['<or>', (value, operands) => operands.some((operand, index) => index % 2 === 0 && operand === value)],
])

/**
 * Whether a value meets what an extra spec requires: `>= 4`, `s== x`, `<in> x`, `<or> a <or> b`, or else the value
 * itself. An operator without an operand is met by nothing.
 */
export function meets(value: string, requirement: string): boolean {
  const [first = '', ...operands] = requirement.trim().split(/\s+/)
  const operator = OPERATORS.get(first)
  if (!operator) return value === requirement
  return operands.length > 0 && operator(value, operands)
}

const COMPARED_SCOPES = ['capabilities:', 'aggregate_instance_extra_specs:']

/**
 * Refuses extra specs that no host could ever meet: those that filters compare, with an operator and nothing after it.
 * @throws {Problem} bad_request that names the key
 */
export function checkOperands(specs: Readonly<Record<string, string>>): void {
  for (const [key, requirement] of Object.entries(specs)) {
    if (key.includes(':') && !COMPARED_SCOPES.some((scope) => key.startsWith(scope))) continue
    const [first = '', ...operands] = requirement.trim().split(/\s+/)
    if (OPERATORS.has(first) && operands.length === 0) {
      throw badRequest(`Invalid extra spec ${key}: nothing follows the operator ${first}.`)
    }
  }
}

/** An extra spec that concerns a filter; the scope is left out of its name. */
export interface Spec {
  readonly name: string
  readonly scoped: boolean
  readonly requirement: string
}

/** The extra specs without a scope, and those of this one. */
export function specsOf(specs: Readonly<Record<string, string>>, scope: string): readonly Spec[] {
  return Object.entries(specs).flatMap(([key, requirement]): Spec[] => {
    if (!key.includes(':')) return [{ name: key, scoped: false, requirement }]
    return key.startsWith(`${scope}:`) ? [{ name: key.slice(scope.length + 1), scoped: true, requirement }] : []
  })
}

/** `a 1, b >= 2`, for a sentence. */
export const listed = (specs: readonly Spec[]): string =>
  specs.map(({ name, requirement }) => `${name} ${requirement}`).join(', ')
