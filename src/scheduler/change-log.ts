import type { Core } from './core.ts'

/**
 * Which hosts have changed, in order. What is computed from hosts notes how far it has come, and later catches up with
 * what was logged since, or starts anew when that is gone.
 */
export interface ChangeLog {
  /** Changes so far: the number of the next one. */
  readonly count: number
  /** The oldest one still known. */
  readonly first: number
  /** The host that change `number` was of. */
  slot(number: number): number
  /** A host is about to change; the log keeps the quantities it had. */
  add(slot: number, quantities: readonly number[]): void
}

export function createChangeLog(core: Core): ChangeLog {
  let count = 0
  return {
    get count() {
      return count
    },
    get first() {
      return Math.max(0, count - core.logged)
    },
    slot: (number) => core.loggedSlot(number),
    add: (slot, quantities) => core.log(count++, slot, quantities),
  }
}
