import { ofQuantity, type Weigher } from './weigher.ts'

/** vCPUs left to claim, the allocation ratio counted in. */
export const cpuWeigher = {
  name: 'CPUWeigher',
  weighs: ofQuantity('claimable_vcpus'),
  floor: 0,
  option: 'cpu_weight_multiplier',
} as const satisfies Weigher
