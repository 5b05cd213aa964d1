import type { RequestContext } from '../../kernel/index.ts'
import type { Check } from './parse.ts'
import type { Target } from './policy.ts'

export type Decision = (ctx: RequestContext, target: Target) => boolean
type RuleNamed = (name: string) => Decision
type Warn = (text: string) => void

const always: Decision = () => true
const never: Decision = () => false

/**
 * Turns a parsed rule into a closure; all strings are taken apart here, none at a decision.
 * @param ruleNamed gives the closure of another rule
 * @param warn told about checks that cannot be answered and so are false
 */
export function compileCheck(check: Check, ruleNamed: RuleNamed, warn: Warn): Decision {
  switch (check.kind) {
    case 'always':
      return always
    case 'never':
      return never
    case 'not': {
      const inner = compileCheck(check.check, ruleNamed, warn)
      return (ctx, target) => !inner(ctx, target)
    }
    case 'and': {
      const all = check.checks.map((each) => compileCheck(each, ruleNamed, warn))
      return (ctx, target) => all.every((each) => each(ctx, target))
    }
    case 'or': {
      const any = check.checks.map((each) => compileCheck(each, ruleNamed, warn))
      return (ctx, target) => any.some((each) => each(ctx, target))
    }
    case 'match':
      return compileMatch(check.left, check.right, ruleNamed, warn)
  }
}

function compileMatch(left: string, right: string, ruleNamed: RuleNamed, warn: Warn): Decision {
  if (left === 'rule') return ruleNamed(right)
  if (left === 'role') return compileRole(right)
  if (left === 'http' || left === 'https') {
    warn(`the check '${left}:${right}' asks a remote server, which is not supported: it is taken as false`)
    return never
  }
  const wanted = template(right)
  const literal = literalText(left)
  if (literal !== undefined) return (_ctx, target) => wanted(target) === literal
  return compileCredential(left, wanted)
}

function compileRole(right: string): Decision {
  const wanted = template(right)
  return (ctx, target) => {
    const name = wanted(target)?.toLowerCase()
    return name !== undefined && ctx.roles.some((role) => role === name || role.toLowerCase() === name)
  }
}

/** The context's attributes by the names that oslo.context gives them in a policy. */
const CREDENTIALS: Readonly<Record<string, (ctx: RequestContext) => unknown>> = {
  user_id: (ctx) => ctx.userId,
  user: (ctx) => ctx.userId,
  user_name: (ctx) => ctx.userName,
  user_domain_id: (ctx) => ctx.userDomainId,
  project_id: (ctx) => ctx.projectId || null,
  tenant: (ctx) => ctx.projectId || null,
  tenant_id: (ctx) => ctx.projectId || null,
  project_name: (ctx) => ctx.projectName || null,
  project_domain_id: (ctx) => ctx.projectDomainId || null,
  roles: (ctx) => ctx.roles,
  is_admin: (ctx) => ctx.isAdmin,
  is_admin_project: () => true,
  system_scope: (ctx) => ctx.systemScope,
}

function compileCredential(name: string, wanted: (target: Target) => string | undefined): Decision {
  const credential = Object.hasOwn(CREDENTIALS, name) ? CREDENTIALS[name] : undefined
  if (!credential) return never
  return (ctx, target) => {
    const match = wanted(target)
    if (match === undefined) return false
    const own = credential(ctx)
    return Array.isArray(own) ? own.some((item) => pythonText(item) === match) : pythonText(own) === match
  }
}

/** `%(key)s` takes the target's attribute; a template whose attribute is missing matches nothing. */
function template(text: string): (target: Target) => string | undefined {
  const parts = text.split(/%\(([^()]*)\)s/)
  if (parts.length === 1) return () => text
  const [before, key, after] = parts
  if (parts.length === 3 && before === '' && after === '') return (target) => attribute(target, key!)
  return (target) => {
    let result = ''
    for (const [index, part] of parts.entries()) {
      const piece = index % 2 === 0 ? part : attribute(target, part)
      if (piece === undefined) return undefined
      result += piece
    }
    return result
  }
}

function attribute(target: Target, key: string): string | undefined {
  const value = target[key]
  return value === undefined ? undefined : pythonText(value)
}

/** The left side as oslo's `ast.literal_eval` would read it, in the form of Python's `str()`. */
function literalText(left: string): string | undefined {
  const quoted = /^(['"])(.*)\1$/.exec(left)
  if (quoted) return quoted[2]
  if (left === 'True' || left === 'False' || left === 'None') return left
  return /^-?\d+(\.\d+)?$/.test(left) ? left : undefined
}

function pythonText(value: unknown): string {
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (value === null || value === undefined) return 'None'
  return String(value)
}
