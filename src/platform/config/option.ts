/** One option: how its text is read, what holds when nobody sets it, and what it is for. */
export interface Option<T> {
  /** Shown in help and errors: `integer ≥ 1`, `one of kvm, qemu, auto`. */
  readonly type: string
  /** The default as it would stand in a file, `$other` allowed; `undefined` leaves the option unset. */
  readonly fallback: string | undefined
  readonly help: string
  /** What the sample shows in place of a default that depends on the machine. */
  readonly shown?: string
  /** Its value is not for display. */
  readonly secret?: true
  /** Former places, `name` in `[DEFAULT]` or `section.name`; the present one wins where both are set. */
  readonly aliases: readonly string[]
  /** @throws when the text is not of this type; the caller says which option it was */
  parse(text: string): T
  /** Keeps the compiler honest about `fallback`: an option without one may be undefined. */
  readonly value?: T
}

interface Declaration<D> {
  readonly default?: D
  readonly help: string
  readonly secret?: true
  readonly shown?: string
  readonly aliases?: readonly string[]
}

/** With a default the value is always there. */
type Declared<T, D> = D extends undefined ? Option<T | undefined> : Option<T>

function option<T, D>(
  type: string,
  { help, shown, secret, aliases = [] }: Declaration<D>,
  fallback: string | undefined,
  parse: (text: string) => T,
): Declared<T, D> {
  return { type, help, aliases, fallback, parse, ...(shown === undefined ? {} : { shown }), ...(secret ? { secret } : {}) } as Declared<T, D>
}

export function text<D extends string | undefined = undefined>(declared: Declaration<D>) {
  return option<string, D>('text', declared, declared.default, (value) => value)
}

export function choice<const C extends string, D extends NoInfer<C> | undefined = undefined>(
  choices: readonly C[],
  declared: Declaration<D>,
) {
  const type = `one of ${choices.join(', ')}`
  return option<C, D>(type, declared, declared.default, (value) => {
    const chosen = choices.find((each) => each === value)
    if (chosen === undefined) throw new Error(`not ${type}`)
    return chosen
  })
}

const TRUE = new Set(['1', 'true', 'yes', 'on'])
const FALSE = new Set(['0', 'false', 'no', 'off'])

export function boolean<D extends boolean | undefined = undefined>(declared: Declaration<D>) {
  return option<boolean, D>('boolean', declared, declared.default?.toString(), (value) => {
    const word = value.toLowerCase()
    if (TRUE.has(word)) return true
    if (FALSE.has(word)) return false
    throw new Error('not a boolean (true or false)')
  })
}

interface Range {
  readonly min?: number
  readonly max?: number
}

export function integer<D extends number | undefined = undefined>(declared: Declaration<D> & Range) {
  return numeric<D>('integer', /^[+-]?\d+$/, declared)
}

/** A number with or without a fraction. */
export function decimal<D extends number | undefined = undefined>(declared: Declaration<D> & Range) {
  return numeric<D>('number', /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i, declared)
}

export function port<D extends number | undefined = undefined>(declared: Declaration<D>) {
  return integer<D>({ ...declared, min: 0, max: 65535 })
}

function numeric<D extends number | undefined>(word: string, form: RegExp, declared: Declaration<D> & Range) {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = declared
  const bounds = [declared.min === undefined ? '' : ` ≥ ${min}`, declared.max === undefined ? '' : ` ≤ ${max}`]
  const type = `${word}${bounds.filter(Boolean).join(',')}`
  return option<number, D>(type, declared, declared.default?.toString(), (value) => {
    const number = Number(value)
    if (!form.test(value) || number < min || number > max) throw new Error(`not of type ${type}`)
    return number
  })
}

/** Comma separated; blanks around items and empty items do not count. */
export function list<D extends readonly string[] | undefined = undefined>(declared: Declaration<D>) {
  return option<readonly string[], D>('list', declared, declared.default?.join(','), (value) =>
    value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
}
