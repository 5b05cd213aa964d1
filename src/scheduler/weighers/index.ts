import { buildFailureWeigher } from './build-failure.ts'
import { cpuWeigher } from './cpu.ts'
import { diskWeigher } from './disk.ts'
import { hypervisorVersionWeigher } from './hypervisor-version.ts'
import { ioOpsWeigher } from './io-ops.ts'
import { numInstancesWeigher } from './num-instances.ts'
import { ramWeigher } from './ram.ts'
import { serverGroupSoftAffinityWeigher, serverGroupSoftAntiAffinityWeigher } from './server-group.ts'
import { checkedMultiplier, type ChosenWeigher, type Weigher } from './weigher.ts'

/** Every weigher there is, in the order in which a host's weight is summed. A new one is its file and a line here. */
const WEIGHERS = [
  ramWeigher,
  cpuWeigher,
  diskWeigher,
  ioOpsWeigher,
  numInstancesWeigher,
  hypervisorVersionWeigher,
  buildFailureWeigher,
  serverGroupSoftAffinityWeigher,
  serverGroupSoftAntiAffinityWeigher,
] as const satisfies readonly Weigher[]

/** Multipliers by their options; a weigher of which there is none is off. */
export type Multipliers = Readonly<Record<(typeof WEIGHERS)[number]['option'], number>>

/**
 * The weighers that count, with their multipliers: one of 0 switches its weigher off.
 * @throws {Error} for a multiplier that is no number within ±1e9.
 */
export function chooseWeighers(multipliers: Partial<Multipliers>): readonly ChosenWeigher[] {
  return WEIGHERS.flatMap((weigher: Weigher & { option: keyof Multipliers }) => {
    const multiplier = checkedMultiplier(multipliers[weigher.option] ?? 0, weigher.option)
    return multiplier === 0 ? [] : [{ weigher, multiplier }]
  })
}
