import { ofQuantity, type Weigher } from './weigher.ts'

/** Disk the machine has left. */
export const diskWeigher = {
  name: 'DiskWeigher',
  weighs: ofQuantity('free_disk_gb'),
  floor: 0,
  option: 'disk_weight_multiplier',
} as const satisfies Weigher
