import { compileCheck, type Decision } from './compile.ts'
import { type Check, parseRule } from './parse.ts'
import type { RuleDefaults } from './policy.ts'
import type { OperatorRule } from './rule-files.ts'

const never: Decision = () => false

/**
 * Compiles every rule once: the operator's where there is one, under its name or a former one, else the default. What
 * cannot be understood is never allowed, and `warn` says so.
 */
export function compileRules(
  defaults: RuleDefaults,
  operator: ReadonlyMap<string, OperatorRule>,
  enforceNewDefaults: boolean,
  warn: (text: string) => void,
): Map<string, Decision> {
  const compiled = new Map<string, Decision>()
  const underWay = new Set<string>()

  function ruleNamed(name: string): Decision {
    const known = compiled.get(name)
    if (known) return known
    if (underWay.has(name)) {
      warn(`the rule '${name}' refers to itself, and so is never allowed`)
      return never
    }
    underWay.add(name)
    const decision = compileRule(name)
    underWay.delete(name)
    compiled.set(name, decision)
    return decision
  }

  function compileRule(name: string): Decision {
    const set = operatorRule(name)
    if (set) return compileCheck(parsed(set.rule, `${set.file}: rule '${name}'`), ruleNamed, warn)
    const declared = Object.hasOwn(defaults, name) ? defaults[name] : undefined
    if (declared) {
      const check = parseRule(declared.check)
      const former = enforceNewDefaults || !declared.deprecated_check ? undefined : parseRule(declared.deprecated_check)
      return compileCheck(former ? { kind: 'or', checks: [check, former] } : check, ruleNamed, warn)
    }
    warn(`there is no rule '${name}'; what refers to it is never allowed`)
    return never
  }

  function operatorRule(name: string): OperatorRule | undefined {
    const aliases = Object.hasOwn(defaults, name) ? (defaults[name]?.aliases ?? []) : []
    return [name, ...aliases].map((alias) => operator.get(alias)).find((rule) => rule !== undefined)
  }

  function parsed(rule: unknown, where: string): Check {
    try {
      return parseRule(rule)
    } catch (error) {
      warn(`${where} is never allowed: ${(error as Error).message}`)
      return { kind: 'never' }
    }
  }

  for (const name of [...Object.keys(defaults), ...operator.keys()]) ruleNamed(name)
  return compiled
}
