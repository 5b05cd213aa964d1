import { ofQuantity, type Weigher } from './weigher.ts'

/** The newest hypervisor of those that are left. */
export const hypervisorVersionWeigher = {
  name: 'HypervisorVersionWeigher',
  weighs: ofQuantity('hypervisor_version'),
  floor: null,
  option: 'hypervisor_version_weight_multiplier',
} as const satisfies Weigher
