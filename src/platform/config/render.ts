import type { Config } from './load.ts'
import type { Option } from './option.ts'
import { options } from './options.ts'

const sections: readonly [string, Readonly<Record<string, Option<unknown>>>][] = Object.entries(options)

/** The options for `--help`: section, name, present value (or default) and meaning. */
export function renderOptionHelp(config?: Config): string {
  const values = config as Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined
  return sections
    .map(([section, declared]) => {
      const lines = Object.entries(declared).map(([name, option]) => {
        const value = values ? shown(values[section]?.[name], option) : defaultText(option)
        return `  ${`${name} = ${value}`.padEnd(58)} ${option.help} (${option.type})`
      })
      return [`[${section}]`, ...lines].join('\n')
    })
    .join('\n\n')
}

/** etc/nova/nova.conf: every option commented out with its default. */
export function renderSampleConfig(): string {
  const parts = sections.map(([section, declared]) => {
    const entries = Object.entries(declared).map(([name, option]) => {
      const former = option.aliases.length === 0 ? [] : [`# Formerly: ${option.aliases.join(', ')}`]
      return [`# ${option.help}`, `# Type: ${option.type}`, ...former, `#${name} = ${defaultText(option)}`].join('\n')
    })
    return [`[${section}]`, ...entries].join('\n\n')
  })
  return `${HEADER}\n\n${parts.join('\n\n')}\n`
}

const HEADER = `# Every option with its default. Set what should differ; <None> means unset.
# OS_<SECTION>__<OPTION> in the environment overrides a file, the command line overrides both.`

function defaultText(option: Option<unknown>): string {
  return option.shown ?? option.fallback ?? '<None>'
}

function shown(value: unknown, { secret }: Option<unknown>): string {
  if (value === undefined) return '<None>'
  if (secret) return '***'
  // Connections carry passwords.
  return String(value).replace(/(:\/\/[^:@/]*):[^@/]*@/, '$1:***@')
}
