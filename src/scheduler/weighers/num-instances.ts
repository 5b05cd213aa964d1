import { ofQuantity, type Weigher } from './weigher.ts'

/** Servers on the host. */
export const numInstancesWeigher = {
  name: 'NumInstancesWeigher',
  weighs: ofQuantity('num_instances'),
  floor: null,
  option: 'num_instances_weight_multiplier',
} as const satisfies Weigher
