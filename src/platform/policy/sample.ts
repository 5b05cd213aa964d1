import type { RuleDefaults } from './policy.ts'

/** A policy.yaml in which every rule stands with its default, commented out. */
export function renderPolicySample(defaults: RuleDefaults): string {
  const rules = Object.entries(defaults).map(([name, rule]) => {
    const scopes = rule.scope_types ? [`# Scopes: ${rule.scope_types.join(', ')}`] : []
    const description = rule.description.split('\n').map((line) => `# ${line}`)
    return [...description, ...scopes, `#${JSON.stringify(name)}: ${JSON.stringify(rule.check)}`].join('\n')
  })
  return `${HEADER}\n\n${rules.join('\n\n')}\n`
}

const HEADER = `# Who may do what, in oslo.policy's language. A rule that is not set here has the default shown.
# The file is read again when it changes; no restart is needed.`
