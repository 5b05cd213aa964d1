import { cpuWeigher } from './cpu.ts'
import { diskWeigher } from './disk.ts'
import { ramWeigher } from './ram.ts'
import type { Weigher, Weighing } from './weigher.ts'

/** Every weigher there is, in the order in which a host's weight is summed. A new one is its file and a line here. */
const WEIGHERS = [ramWeigher, cpuWeigher, diskWeigher] as const satisfies readonly Weigher[]

/** Beyond this a weight would lose the digits that tell two hosts apart. */
const MULTIPLIER_LIMIT = 1e9

export type Multipliers = Readonly<Record<(typeof WEIGHERS)[number]['option'], number>>

/**
 * The weighers that count, with their multipliers: one of 0 switches its weigher off.
 * @throws {Error} for a multiplier that is no number within ±1e9.
 */
export function weighings(multipliers: Multipliers): readonly Weighing[] {
  return WEIGHERS.flatMap(({ name, quantity, floor, option }) => {
    const multiplier = multipliers[option]
    if (!(Math.abs(multiplier) <= MULTIPLIER_LIMIT)) {
      throw new Error(`[filter_scheduler] ${option}: ${multiplier} is not a number within ±1e9`)
    }
    return multiplier === 0 ? [] : [{ name, quantity, floor, multiplier }]
  })
}
