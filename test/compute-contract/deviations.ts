/** What Nova has and this API lacks: the reason, and the names that the test of routes has for them. */
const REASONS: readonly (readonly [reason: string, ...names: string[]])[] = [
  ['hosts do not fetch images ahead of a build', 'POST /os-aggregates/:/images'],
]

export const absent: Readonly<Record<string, string>> = Object.fromEntries(
  REASONS.flatMap(([reason, ...names]) => names.map((name) => [name, reason])),
)

/** What is here beyond Nova's API: below paths that Nova does not use. */
export const added: readonly string[] = ['GET /servers/:/os-scheduling', 'POST /os-scheduling/what-if']
