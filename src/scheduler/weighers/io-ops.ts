import { ofQuantity, type Weigher } from './weigher.ts'

/** Servers being built, rebuilt, resized or copied on the host; its multiplier is negative, for fewer are better. */
export const ioOpsWeigher = {
  name: 'IoOpsWeigher',
  weighs: ofQuantity('num_io_ops'),
  floor: 0,
  option: 'io_ops_weight_multiplier',
} as const satisfies Weigher
