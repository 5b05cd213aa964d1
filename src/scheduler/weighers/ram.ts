import { ofQuantity, type Weigher } from './weigher.ts'

/** Memory the machine has left; spreads servers, or stacks them with a negative multiplier. */
export const ramWeigher = {
  name: 'RAMWeigher',
  weighs: ofQuantity('free_ram_mb'),
  floor: 0,
  option: 'ram_weight_multiplier',
} as const satisfies Weigher
