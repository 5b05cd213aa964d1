import { readFileSync } from 'node:fs'
import { type Version, type VersionText, version } from '../../src/api/compute/version.ts'

/** A row of `routes.txt`: what Nova's API has, whoever implements it. */
export interface KnownRoute {
  /** `POST /servers/:/action#os-start`; a `:` for each parameter, whatever it is called. */
  readonly name: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly action: string | null
  readonly since: Version
  readonly until: Version
  /** Statuses of success by version, highest first; empty for an API that is gone. */
  readonly ok: readonly (readonly [Version, readonly number[]])[]
  /** The status that an API answers that is gone; null for one that lives. */
  readonly gone: number | null
  /** Full names of rules with the persona that has each by default. */
  readonly rules: readonly (readonly [rule: string, persona: string])[]
}

const text = readFileSync(new URL('routes.txt', import.meta.url), 'utf8')

export const knownRoutes: readonly KnownRoute[] = text
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map(parse)

function parse(line: string): KnownRoute {
  const [name, window, status, rules = ''] = line.split('|').map((column) => column.trim())
  const [, method, path, action] = /^(\S+) ([^#]+)(?:#(.+))?$/.exec(name!)!
  const [since, until] = window!.split('-')
  const gone = /^4\d\d$/.test(status!) ? Number(status) : null
  return {
    name: name!.replaceAll('*', ':'),
    method: method as KnownRoute['method'],
    path: path!.replaceAll('*', ':'),
    action: action ?? null,
    since: version(since as VersionText),
    until: until ? version(until as VersionText) : Number.POSITIVE_INFINITY,
    ok: gone === null ? statuses(status!) : [],
    gone,
    rules: rules.split(' ').filter(Boolean).map(ruleOf),
  }
}

/** `200` or `201/204` at every version; `200 202≥2.101`: another from a version on. */
function statuses(column: string): (readonly [Version, readonly number[]])[] {
  return column
    .split(' ')
    .map((each): readonly [Version, readonly number[]] => {
      const [codes, since] = each.split('≥')
      return [since ? version(since as VersionText) : 1, codes!.split('/').map(Number)]
    })
    .sort(([a], [b]) => b - a)
}

function ruleOf(text: string): readonly [string, string] {
  const [rule, persona] = text.split('=')
  return [rule!.startsWith('compute:') ? rule! : `os_compute_api:${rule}`, persona!]
}
