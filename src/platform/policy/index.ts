import { forbidden, type RequestContext } from '../../kernel/index.ts'
import type { Logger } from '../log/index.ts'
import { baseRules } from './base-rules.ts'
import type { Decision } from './compile.ts'
import type { Policy, RuleDefaults, Target } from './policy.ts'
import { fingerprint, policyFiles, readRules } from './rule-files.ts'
import { compileRules } from './rules.ts'

export { baseRules } from './base-rules.ts'
export type { Policy, RuleDefault, RuleDefaults, Target } from './policy.ts'
export { renderPolicySample } from './sample.ts'

export interface PolicyOptions {
  /** Rules of all APIs; the base rules are added. */
  readonly defaults: RuleDefaults
  /** `[oslo_policy] policy_file`, YAML or JSON. A file that is missing changes nothing until it appears. */
  readonly file?: string
  /** `[oslo_policy] policy_dirs`, read after the file. */
  readonly dirs?: readonly string[]
  /** Refuse tokens of a scope that a rule does not name. Default true. */
  readonly enforce_scope?: boolean
  /** False allows what the rules of before secure RBAC allowed, too. Default true. */
  readonly enforce_new_defaults?: boolean
  readonly log: Logger
}

/** Files are looked at again no more often than this. */
const CHECK_FILES_MS = 1000

/**
 * The policy of this process: defaults in code, the operator's files on top, re-read when they change.
 * @throws at start when a file is not a map of rules; later such a file is logged and the rules before it stay in force
 */
export function createPolicy(options: PolicyOptions): Policy {
  const { file, dirs = [], enforce_scope = true, enforce_new_defaults = true, log } = options
  const defaults: RuleDefaults = { ...baseRules, ...options.defaults }
  const warn = (text: string) => log.warn(`Policy: ${text}`)
  let seen = ''
  let nextCheck = 0
  let rules = load()

  function load(): Map<string, Decision> {
    const files = policyFiles(file, dirs)
    seen = fingerprint(files)
    return compileRules(defaults, readRules(files), enforce_new_defaults, warn)
  }

  function reloadIfChanged(): void {
    const now = performance.now()
    if (now < nextCheck || (file === undefined && dirs.length === 0)) return
    nextCheck = now + CHECK_FILES_MS
    try {
      if (fingerprint(policyFiles(file, dirs)) === seen) return
      rules = load()
      log.info('Policy: files changed, rules loaded')
    } catch (error) {
      log.error({ err: error }, 'Policy: files changed, but cannot be used; the rules loaded before stay in force')
    }
  }

  function allows(rule: string, ctx: RequestContext, target: Target = ownTarget(ctx)): boolean {
    reloadIfChanged()
    // An operator's rule `default` answers for rules that nobody declared, as in oslo.policy.
    const decision = rules.get(rule) ?? rules.get('default')
    if (!decision) return false
    const scopes = enforce_scope ? defaults[rule]?.scope_types : undefined
    if (scopes && !scopes.includes(scopeOf(ctx))) return false
    return decision(ctx, target)
  }

  return {
    allows,
    enforce(rule, ctx, target) {
      if (!allows(rule, ctx, target)) throw forbidden(`Policy doesn't allow ${rule} to be performed.`)
    },
  }
}

const ownTarget = (ctx: RequestContext): Target => ({ project_id: ctx.projectId, user_id: ctx.userId })

function scopeOf(ctx: RequestContext): 'system' | 'project' | 'domain' {
  if (ctx.systemScope !== null) return 'system'
  return ctx.projectId === '' ? 'domain' : 'project'
}
