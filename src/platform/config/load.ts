import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, type Entry, parseIni } from './ini.ts'
import { nearest } from './nearest.ts'
import type { Option } from './option.ts'
import { options } from './options.ts'

type Options = typeof options
type ValueOf<O> = O extends Option<infer T> ? T : never

/** All options by section and name, read-only. */
export type Config = {
  readonly [S in keyof Options]: { readonly [K in keyof Options[S]]: ValueOf<Options[S][K]> }
}

/** Values that win over files and environment: the command line's. */
export type Overrides = { readonly [S in keyof Config]?: Partial<Config[S]> }

export interface LoadOptions {
  /** In order, later ones win. Absent: nova.conf and nova-compute.conf of /etc/nova, where they exist. */
  readonly files?: readonly string[]
  /** Each directory's `*.conf` in the order of their names, after the files. */
  readonly dirs?: readonly string[]
  /** `OS_<SECTION>__<KEY>` overrides files. Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly overrides?: Overrides
}

export const DEFAULT_FILES = ['/etc/nova/nova.conf', '/etc/nova/nova-compute.conf']

const MAX_FILE_BYTES = 4 * 1024 * 1024
const MAX_SUBSTITUTION_DEPTH = 16

const table: Readonly<Record<string, Readonly<Record<string, Option<unknown>>>>> = options

/**
 * Reads the configuration. What nobody declared is a warning, as operators' files carry hundreds of options that mean
 * nothing here; what is declared and wrong is an error.
 * @throws {ConfigError} naming file, line, option and what was expected
 */
export function loadConfig(load: LoadOptions = {}): { config: Config; warnings: string[] } {
  const warnings: string[] = []
  const set = new Map<string, Entry>()
  for (const file of configFiles(load)) {
    for (const entry of parseIni(readText(file), file)) set.set(`${entry.section}.${entry.key}`, entry)
  }
  for (const entry of environment(load.env ?? process.env)) set.set(`${entry.section}.${entry.key}`, entry)
  warnings.push(...unknownOptions(set.values()))

  const overrides = (load.overrides ?? {}) as Record<string, Record<string, unknown> | undefined>
  const config: Record<string, Record<string, unknown>> = {}
  for (const [section, declared] of Object.entries(table)) {
    const values: Record<string, unknown> = (config[section] = {})
    for (const [name, option] of Object.entries(declared)) {
      values[name] = overrides[section]?.[name] ?? parsed(section, name, option)
    }
    Object.freeze(values)
  }
  return { config: Object.freeze(config) as Config, warnings }

  function parsed(section: string, name: string, option: Option<unknown>): unknown {
    const entry = entryOf(section, name, option)
    const raw = entry?.value ?? option.fallback
    if (raw === undefined || (entry && raw === '<None>')) return undefined
    const text = substituted(raw, section, entry?.where ?? `default of ${name}`, 0)
    try {
      return option.parse(text)
    } catch (error) {
      const reason = (error as Error).message
      throw new ConfigError(`${entry?.where}: [${section}] ${name}: '${text.slice(0, 80)}' is ${reason}`)
    }
  }

  function entryOf(section: string, name: string, option: Option<unknown>): Entry | undefined {
    const places = [`${section}.${name}`, ...option.aliases.map(aliasPlace)]
    return places.map((place) => set.get(place)).find((entry) => entry !== undefined)
  }

  /** `$name`, `${name}`, `$section.name`; `$$` and `\$` are a dollar sign. A name in no section is one of [DEFAULT]. */
  function substituted(value: string, section: string, where: string, depth: number): string {
    if (depth > MAX_SUBSTITUTION_DEPTH) throw new ConfigError(`${where}: '${value.slice(0, 80)}' refers to itself`)
    return value.replace(/\$\$|\\\$|\$\{([\w.]+)\}|\$(\w+(?:\.\w+)?)/g, (whole, braced?: string, bare?: string) => {
      const name = braced ?? bare
      if (name === undefined) return '$'
      const other = lookUp(name, section, where, depth)
      if (other !== undefined) return other
      warnings.push(`${where}: '${whole}' names no option and is taken as it stands; a dollar sign is written $$`)
      return whole
    })
  }

  function lookUp(name: string, section: string, where: string, depth: number): string | undefined {
    const [group, key] = name.includes('.') ? (name.split('.', 2) as [string, string]) : [undefined, name]
    for (const candidate of group === undefined ? [section, 'DEFAULT'] : [group]) {
      const option = Object.hasOwn(table, candidate) ? table[candidate] : undefined
      if (!option || !Object.hasOwn(option, key)) continue
      const own = overrides[candidate]?.[key]
      if (own !== undefined) return String(own)
      const raw = entryOf(candidate, key, option[key]!)?.value ?? option[key]!.fallback ?? ''
      return substituted(raw, candidate, where, depth + 1)
    }
    return undefined
  }
}

const aliasPlace = (alias: string): string => (alias.includes('.') ? alias : `DEFAULT.${alias}`)

function configFiles({ files, dirs = [] }: LoadOptions): string[] {
  const chosen = files ?? DEFAULT_FILES.filter((file) => statSync(file, { throwIfNoEntry: false }))
  const fromDirs = dirs.flatMap((dir) => {
    try {
      return readdirSync(dir)
        .filter((name) => name.endsWith('.conf'))
        .sort()
        .map((name) => join(dir, name))
    } catch (cause) {
      throw new ConfigError(`${dir}: ${(cause as Error).message}`, { cause })
    }
  })
  return [...chosen, ...fromDirs]
}

function readText(file: string): string {
  try {
    if (statSync(file).size > MAX_FILE_BYTES) throw new Error(`larger than ${MAX_FILE_BYTES} bytes`)
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(`${file}: ${(cause as Error).message}`, { cause })
  }
}

function environment(env: Readonly<Record<string, string | undefined>>): Entry[] {
  const entries: Entry[] = []
  for (const [variable, value] of Object.entries(env)) {
    const match = /^OS_([A-Z0-9_]+?)__([A-Z0-9_]+)$/.exec(variable)
    if (!match || value === undefined) continue
    const section = match[1] === 'DEFAULT' ? 'DEFAULT' : match[1]!.toLowerCase()
    entries.push({ section, key: match[2]!.toLowerCase(), value, where: `environment variable ${variable}` })
  }
  return entries
}

function unknownOptions(entries: Iterable<Entry>): string[] {
  const declared = Object.values(table).flatMap((section) => Object.values(section))
  const former = new Set(declared.flatMap(({ aliases }) => aliases.map(aliasPlace)))
  const warnings = new Map<string, string>()
  for (const { section, key, where } of entries) {
    if (former.has(`${section}.${key}`)) continue
    const known = Object.hasOwn(table, section) ? table[section] : undefined
    if (known && Object.hasOwn(known, key)) continue
    const what = known ? `unknown option '${key}' in [${section}]` : `unknown section [${section}]`
    const guess = known ? nearest(key, Object.keys(known)) : nearest(section, Object.keys(table))
    const warning = `${where}: ${what} is ignored${guess === undefined ? '' : `; did you mean '${guess}'?`}`
    // One line says it for all options of a section.
    const subject = known ? `${section}.${key}` : section
    if (!warnings.has(subject)) warnings.set(subject, warning)
  }
  return [...warnings.values()]
}
