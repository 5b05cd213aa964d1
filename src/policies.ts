import { computePolicies } from './api/compute/index.ts'
import { identityPolicy } from './api/identity/index.ts'
import { imagePolicy } from './api/image/index.ts'
import { networkPolicy } from './api/network/index.ts'
import { placementPolicy } from './api/placement/index.ts'
import { metricsPolicy } from './metrics.ts'
import { baseRules, type RuleDefaults } from './platform/policy/index.ts'

/** The rules of all APIs with their defaults: what is enforced, and what etc/nova/policy.yaml shows. */
export const policyDefaults: RuleDefaults = {
  ...baseRules,
  ...computePolicies,
  ...identityPolicy,
  ...imagePolicy,
  ...networkPolicy,
  ...placementPolicy,
  ...metricsPolicy,
}
