import type { RequestContext } from '../../kernel/index.ts'

/** What a rule decides about: the attributes of the resource. Left out, the caller's own project and user. */
export type Target = Readonly<Record<string, unknown>>

export interface RuleDefault {
  /** In oslo.policy's language, e.g. `rule:project_member_or_admin`. */
  readonly check: string
  readonly description: string
  /** Token scopes the rule may be asked with, when `enforce_scope` is on. Absent: any. */
  readonly scope_types?: readonly ('project' | 'domain' | 'system')[]
  /** What held before secure RBAC; allowed as well while `enforce_new_defaults` is off. */
  readonly deprecated_check?: string
  /** Former names under which an operator's file may still set the rule. */
  readonly aliases?: readonly string[]
}

export type RuleDefaults = Readonly<Record<string, RuleDefault>>

export interface Policy {
  /** True if `rule` holds. A rule that nobody declared never does. */
  allows(rule: string, ctx: RequestContext, target?: Target): boolean
  /** @throws {Problem} forbidden: `Policy doesn't allow <rule> to be performed.` */
  enforce(rule: string, ctx: RequestContext, target?: Target): void
}
