import { ofQuantity, type Weigher } from './weigher.ts'

/** Builds that failed on the host since the last one that did not. Nova takes the multiplier off: more are worse. */
export const buildFailureWeigher = {
  name: 'BuildFailureWeigher',
  weighs: ofQuantity('failed_builds'),
  floor: null,
  option: 'build_failure_weight_multiplier',
  against: true,
} as const satisfies Weigher
