/** A rule in oslo.policy's language, as a tree. */
export type Check =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'not'; readonly check: Check }
  | { readonly kind: 'and' | 'or'; readonly checks: readonly Check[] }
  | { readonly kind: 'match'; readonly left: string; readonly right: string }

export class PolicySyntaxError extends Error {
  override readonly name = 'PolicySyntaxError'
}

const MAX_RULE_LENGTH = 64 * 1024
const MAX_DEPTH = 64

/**
 * Parses a rule as it stands in a policy file: a check string, or the old list form (outer list OR, inner lists AND).
 * @throws {PolicySyntaxError} saying what was expected where
 */
export function parseRule(rule: unknown): Check {
  if (typeof rule === 'string') return parseExpression(rule)
  if (Array.isArray(rule)) return parseLists(rule)
  throw new PolicySyntaxError(`a rule is a string or a list, not ${rule === null ? 'null' : typeof rule}`)
}

function parseLists(lists: readonly unknown[]): Check {
  if (lists.length === 0) return { kind: 'always' }
  // oslo skips empty inner lists, and where nothing is left nobody may.
  const alternatives = lists.filter((inner) => !Array.isArray(inner) || inner.length > 0)
  if (alternatives.length === 0) return { kind: 'never' }
  const checks = alternatives.map((inner): Check => {
    const items: readonly unknown[] = Array.isArray(inner) ? inner : [inner]
    const all = items.map((item) => {
      if (typeof item !== 'string') throw new PolicySyntaxError('a list of lists holds only strings')
      return parseCheck(item)
    })
    return all.length === 1 ? all[0]! : { kind: 'and', checks: all }
  })
  return checks.length === 1 ? checks[0]! : { kind: 'or', checks }
}

/** expr := and ("or" and)*; and := not ("and" not)*; not := "not" not | "(" expr ")" | check */
function parseExpression(text: string): Check {
  if (text.length > MAX_RULE_LENGTH) throw new PolicySyntaxError(`a rule has at most ${MAX_RULE_LENGTH} characters`)
  const tokens = tokenize(text)
  if (tokens.length === 0) return { kind: 'always' }
  let at = 0

  const isWord = (word: string) => tokens[at]?.toLowerCase() === word

  function list(kind: 'and' | 'or', word: string, operand: (depth: number) => Check, depth: number): Check {
    const checks = [operand(depth)]
    while (isWord(word)) {
      at++
      checks.push(operand(depth))
    }
    return checks.length === 1 ? checks[0]! : { kind, checks }
  }
  const either = (depth: number): Check => list('or', 'or', both, depth)
  const both = (depth: number): Check => list('and', 'and', single, depth)

  function single(depth: number): Check {
    if (depth > MAX_DEPTH) throw new PolicySyntaxError(`a rule nests at most ${MAX_DEPTH} deep`)
    const token = tokens[at++]
    if (token === undefined) throw new PolicySyntaxError('the rule ends where a check was expected')
    if (token.toLowerCase() === 'not') return { kind: 'not', check: single(depth + 1) }
    if (token === '(') {
      const inner = either(depth + 1)
      if (tokens[at++] !== ')') throw new PolicySyntaxError(`a ')' is missing`)
      return inner
    }
    if (token === ')' || ['and', 'or'].includes(token.toLowerCase())) {
      throw new PolicySyntaxError(`'${token}' stands where a check was expected`)
    }
    return parseCheck(token)
  }

  const check = either(0)
  if (at < tokens.length) throw new PolicySyntaxError(`'and' or 'or' is missing before '${tokens[at]}'`)
  return check
}

/** Words, with the brackets around them split off. `%(x)s` keeps its own, and a quoted word may have blanks. */
const TOKEN = /[()]|(?:'[^']*'|"[^"]*"|%\([^()]*\)s?|[^\s()])+/g

function tokenize(text: string): string[] {
  return text.match(TOKEN) ?? []
}

function parseCheck(token: string): Check {
  if (token === '@') return { kind: 'always' }
  if (token === '!') return { kind: 'never' }
  const colon = colonOf(token)
  if (colon <= 0) throw new PolicySyntaxError(`'${token}' is no check: it should read kind:match`)
  return { kind: 'match', left: token.slice(0, colon), right: token.slice(colon + 1) }
}

/** The colon that ends the left side; one inside quotes does not count. */
function colonOf(token: string): number {
  const quote = token[0]
  if (quote !== "'" && quote !== '"') return token.indexOf(':')
  const end = token.indexOf(quote, 1)
  return end === -1 ? -1 : token.indexOf(':', end)
}
