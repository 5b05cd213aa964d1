import { afterAll, describe, expect, spyOn, test } from 'bun:test'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Problem, type RequestContext } from '../../kernel/index.ts'
import { silentLog } from '../log/index.ts'
import { createPolicy, type PolicyOptions, renderPolicySample, type Target } from './index.ts'
import { type Check, parseRule } from './parse.ts'

const directory = mkdtempSync(join(tmpdir(), 'policy-'))
afterAll(() => rmSync(directory, { recursive: true }))

const member: RequestContext = {
  requestId: 'req-1',
  userId: 'u1',
  userName: 'alice',
  userDomainId: 'default',
  projectId: 'p1',
  projectName: 'demo',
  projectDomainId: 'default',
  roles: ['member', 'reader'],
  isAdmin: false,
  systemScope: null,
}
const admin: RequestContext = { ...member, roles: ['admin'], isAdmin: true }

function decides(check: string | unknown[], ctx: RequestContext, target?: Target): boolean {
  const file = join(directory, 'one.json')
  writeFileSync(file, JSON.stringify({ it: check }))
  return policy({ file }).allows('it', ctx, target)
}

const policy = (options: Partial<PolicyOptions>) => createPolicy({ defaults: {}, log: silentLog, ...options })

describe('checks', () => {
  const cases: [string | unknown[], boolean, boolean][] = [
    // rule, for the member, for the admin (both as caller about a thing of p1/u1)
    ['', true, true],
    ['@', true, true],
    ['!', false, false],
    [[], true, true],
    [[[]], false, false],
    [[['role:admin'], ['role:MEMBER', 'project_id:%(project_id)s']], true, true],
    [['role:admin', 'role:nobody'], false, true],
    ['role:Admin', false, true],
    ['is_admin:True', false, true],
    ['is_admin:False', true, false],
    ['project_id:%(project_id)s', true, true],
    ['tenant:%(project_id)s and user_id:%(user_id)s', true, true],
    ['user_id:%(missing)s', false, false],
    ['missing:%(user_id)s', false, false],
    ['roles:reader', true, false],
    ["'open':%(state)s", true, true],
    ['True:%(flag)s and None:%(empty)s and 3:%(count)s', true, true],
    ['False:%(flag)s', false, false],
    ['role:%(wanted)s', true, false],
    ['project_id:p%(count)s', false, false],
    ['not role:admin', true, false],
    ['not not role:admin', false, true],
    ['role:admin or role:member and role:reader', true, true],
    ['(role:admin or role:member) and role:admin', false, true],
    ['not (role:admin or role:member)', false, false],
    ['NOT role:admin AND @', true, false],
    ['rule:context_is_admin', false, true],
    ['rule:no_such_rule', false, false],
    ['rule:it', false, false],
    ['http://example.org/%(name)s', false, false],
    ['role:admin and', false, false],
    ['role:admin role:member', false, false],
    ['(role:member', false, false],
    ['nonsense', false, false],
  ]
  const target = { project_id: 'p1', user_id: 'u1', state: 'open', flag: true, empty: null, count: 3, wanted: 'member' }

  test.each(cases)('%j', (check, forMember, forAdmin) => {
    expect([decides(check, member, target), decides(check, admin, target)]).toEqual([forMember, forAdmin])
  })

  test('without a target the caller asks about what is their own', () => {
    expect(decides('project_id:%(project_id)s and user_id:%(user_id)s', member)).toBe(true)
    expect(decides('project_id:%(project_id)s', member, { project_id: 'p2' })).toBe(false)
  })

  test('a caller without project owns nothing', () => {
    expect(decides('project_id:%(project_id)s', { ...member, projectId: '' })).toBe(false)
  })
})

test('and binds closer than or, not closer than and, whatever the expression', () => {
  // An independent evaluator: Python's precedence is JavaScript's.
  const atom = fc.constantFrom('@', '!')
  const expression = fc.letrec<{ e: string }>((tie) => ({
    e: fc.oneof(
      { maxDepth: 5 },
      atom,
      tie('e').map((e) => `not ${e.includes(' ') ? `(${e})` : e}`),
      fc.tuple(tie('e'), fc.constantFrom('and', 'or'), tie('e')).map((parts) => parts.join(' ')),
      tie('e').map((e) => `( ${e} )`),
    ),
  })).e
  const javascript = (text: string) =>
    // oxlint-disable-next-line no-new-func -- the text is made of five known words
    new Function(
      `return ${text
        .replaceAll('@', 'true')
        .replaceAll('and', '&&')
        .replaceAll('or', '||')
        .replaceAll('not', '!')
        .replace(/!(?= *(\|\||&&|\)|$))/g, 'false')}`,
    )() as boolean
  const decide = (check: Check): boolean => {
    if (check.kind === 'not') return !decide(check.check)
    if (check.kind === 'and') return check.checks.every(decide)
    if (check.kind === 'or') return check.checks.some(decide)
    return check.kind === 'always'
  }
  fc.assert(fc.property(expression, (text) => decide(parseRule(text)) === javascript(text)))
})

test('a rule text of any kind is parsed or refused, and never hangs', () => {
  const pieces = fc.array(fc.constantFrom('(', ')', 'and', 'or', 'not', 'role:x', "'a b':%(c)s", '%(', '"', ':', ' '))
  fc.assert(
    fc.property(pieces, fc.string(), (words, noise) => {
      for (const text of [words.join(' '), words.join(''), noise]) {
        try {
          parseRule(text)
        } catch (error) {
          expect((error as Error).name).toBe('PolicySyntaxError')
        }
      }
    }),
  )
  expect(() => parseRule('('.repeat(1000) + '@' + ')'.repeat(1000))).toThrow('at most 64 deep')
})

describe('defaults', () => {
  const defaults = {
    'x:show': { check: 'rule:project_reader_or_admin', description: 'Show', scope_types: ['project'] },
    'x:create': {
      check: 'rule:project_member_or_admin',
      description: 'Create',
      deprecated_check: 'rule:admin_or_owner',
      aliases: ['old:create'],
    },
  } satisfies PolicyOptions['defaults']
  const stranger = { ...member, roles: ['custom'] }

  test('enforce says which rule failed', () => {
    const rules = policy({ defaults })
    rules.enforce('x:show', member)
    expect(() => rules.enforce('x:create', stranger)).toThrow(
      new Problem('forbidden', "Policy doesn't allow x:create to be performed."),
    )
  })

  test('the former default counts only while new ones are not enforced', () => {
    expect(policy({ defaults }).allows('x:create', stranger)).toBe(false)
    expect(policy({ defaults, enforce_new_defaults: false }).allows('x:create', stranger)).toBe(true)
  })

  test('a token of another scope is refused while scopes are enforced', () => {
    const system = { ...admin, projectId: '', systemScope: 'all' }
    expect(policy({ defaults }).allows('x:show', system)).toBe(false)
    expect(policy({ defaults, enforce_scope: false }).allows('x:show', system)).toBe(true)
  })

  test('a former name in a file sets the rule, the present name wins', () => {
    const file = join(directory, 'alias.yaml')
    writeFileSync(file, '"old:create": "!"\n')
    expect(policy({ defaults, file }).allows('x:create', admin)).toBe(false)
    writeFileSync(file, '"old:create": "!"\n"x:create": "@"\n')
    expect(policy({ defaults, file }).allows('x:create', stranger)).toBe(true)
  })

  test('a rule nobody declared is never allowed, unless a rule named default says so', () => {
    expect(policy({ defaults }).allows('x:unknown', admin)).toBe(false)
    expect(policy({ defaults }).allows('constructor', admin)).toBe(false)
    const file = join(directory, 'default.json')
    writeFileSync(file, '{"default": "role:admin"}')
    expect(policy({ defaults, file }).allows('x:unknown', admin)).toBe(true)
    expect(policy({ defaults, file }).allows('x:unknown', member)).toBe(false)
  })

  test('the sample shows each rule and changes nothing', () => {
    const sample = renderPolicySample(defaults)
    expect(sample).toContain('#"x:create": "rule:project_member_or_admin"')
    const file = join(directory, 'sample.yaml')
    writeFileSync(file, sample)
    expect(policy({ defaults, file }).allows('x:create', member)).toBe(true)
    writeFileSync(file, sample.replace('#"x:create": "rule:project_member_or_admin"', '"x:create": "!"'))
    expect(policy({ defaults, file }).allows('x:create', member)).toBe(false)
  })
})

describe('files', () => {
  const file = join(directory, 'live.yaml')

  test('later files win over earlier ones', () => {
    const dir = mkdtempSync(join(directory, 'policy.d-'))
    writeFileSync(file, 'a: "!"\nb: "!"\n')
    writeFileSync(join(dir, '10-a.yaml'), 'a: "!"\nb: "@"\n')
    writeFileSync(join(dir, '20-b.json'), '{"a": "@"}')
    const rules = policy({ file, dirs: [dir, join(directory, 'absent')] })
    expect([rules.allows('a', member), rules.allows('b', member)]).toEqual([true, true])
  })

  test('a file that is no map of rules stops the start and names itself', () => {
    for (const text of ['- a\n- b\n', '"unterminated', 'a: "@"\n a: b: c']) {
      writeFileSync(file, text)
      expect(() => policy({ file })).toThrow(file)
    }
  })

  test('a change is picked up, a broken one is logged and the rules before it stay', () => {
    let now = 0
    const clock = spyOn(performance, 'now').mockImplementation(() => now)
    const errors: string[] = []
    const log = { ...silentLog, info() {}, warn() {}, error: (_: unknown, text?: string) => void errors.push(text!) }
    const write = (text: string) => {
      writeFileSync(file, text)
      utimesSync(file, 1, (now += 5000))
    }
    write('it: "!"')
    const rules = policy({ file, log })
    expect(rules.allows('it', member)).toBe(false)
    write('it: "@"')
    expect(rules.allows('it', member)).toBe(true)
    write('it: [')
    expect([rules.allows('it', member), rules.allows('it', member)]).toEqual([true, true])
    now += 5000
    expect([rules.allows('it', member), errors.length]).toEqual([true, 1])
    write('it: "role:admin"')
    expect([rules.allows('it', member), rules.allows('it', admin)]).toEqual([false, true])
    rmSync(file)
    now += 5000
    expect(rules.allows('it', admin)).toBe(false)
    clock.mockRestore()
  })

  test('a rule that cannot be understood is named in the log and never allowed', () => {
    const warnings: string[] = []
    writeFileSync(file, 'it: "role:member and"\nloop: "rule:loop"\n')
    const rules = policy({ file, log: { ...silentLog, warn: (text: unknown) => void warnings.push(String(text)) } })
    expect([rules.allows('it', member), rules.allows('loop', member)]).toEqual([false, false])
    expect(warnings).toEqual([
      `Policy: ${file}: rule 'it' is never allowed: the rule ends where a check was expected`,
      "Policy: the rule 'loop' refers to itself, and so is never allowed",
    ])
  })
})
