import {
  type Candidate,
  decision,
  type Decision,
  MAX_KEPT_ALTERNATES,
  MAX_KEPT_ATTEMPTS,
  MAX_KEPT_REJECTIONS,
  type PlanResult,
} from '../../contracts/index.ts'

/** A host that was chosen and could not take the server. */
export type Attempt = Decision['attempts'][number]

/**
 * What is kept with the server of the plan that placed it, so that "why here" and "why not there" can be answered for
 * as long as the server is known.
 * @param index of the candidate that took the server; null where none did
 */
export function decisionOf(
  { candidates, explanation }: PlanResult,
  index: number | null,
  attempts: readonly Attempt[],
  now: Date,
): Decision {
  return {
    hosts: explanation.hosts,
    rejections: explanation.rejections.slice(0, MAX_KEPT_REJECTIONS),
    decided_at: now.toISOString(),
    chosen: index === null ? null : (candidates[index] ?? null),
    alternates: index === null ? [] : candidates.slice(index + 1, index + 1 + MAX_KEPT_ALTERNATES),
    attempts: attempts.slice(-MAX_KEPT_ATTEMPTS),
  }
}

/** The decision after the chosen host failed and the server moved on to one of the alternates. */
export function movedOn(kept: unknown, failed: Attempt, to: Candidate): Decision | null {
  const known = keptDecision(kept)
  if (!known) return null
  const next = known.alternates.findIndex(({ host_id, cell_id }) => host_id === to.host_id && cell_id === to.cell_id)
  return {
    ...known,
    chosen: to,
    alternates: known.alternates.slice(next + 1),
    attempts: [...known.attempts, failed].slice(-MAX_KEPT_ATTEMPTS),
  }
}

/** The decision as its server's row has it; null for a server that has none, or one that an older release wrote. */
export function keptDecision(kept: unknown): Decision | null {
  try {
    return decision.parse(kept)
  } catch {
    return null
  }
}
