/** The totals that `bun test` prints at its end. */
export interface Summary {
  readonly pass: number
  readonly fail: number
  readonly skip: number
  readonly errors: number
}

/** Reads the last totals in the output, or null where there are none, as when the process was killed. */
export function readSummary(output: string): Summary | null {
  const plain = Bun.stripANSI(output)
  if (!/^Ran \d+ tests? across \d+ files?\./m.test(plain)) return null
  const lines = (what: string): RegExpExecArray[] => [...plain.matchAll(new RegExp(`^ (\\d+) ${what}$`, 'gm'))]
  const count = (what: string): number => Number(lines(what).at(-1)?.[1] ?? 0)
  return { pass: count('pass'), fail: count('fail'), skip: count('skip') + count('todo'), errors: count('errors?') }
}

/**
 * What the runner says. A file that does not load counts as one failure; so does an end without a summary, or any other
 * that bun itself calls a failure. Where nothing may be left out, a skipped test is a failed one.
 */
export function verdict(
  summary: Summary | null,
  run: { exitCode: number; strict: boolean },
): { passed: number; failed: number } {
  const failed = (summary?.fail ?? 0) + (run.strict ? (summary?.skip ?? 0) : 0)
  return { passed: summary?.pass ?? 0, failed: failed === 0 && run.exitCode !== 0 ? 1 : failed }
}
