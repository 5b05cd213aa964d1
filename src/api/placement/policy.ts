import type { RuleDefaults } from '../../platform/policy/index.ts'

const OPERATOR = 'rule:service_or_admin'

const rule = (check: string, description: string) => ({ check, description })

/** Placement's rules under Placement's names, of those that read. */
export const placementPolicy: RuleDefaults = {
  'placement:resource_providers:list': rule(OPERATOR, 'List resource providers.'),
  'placement:resource_providers:show': rule(OPERATOR, 'Show a resource provider.'),
  'placement:resource_providers:inventories:list': rule(OPERATOR, 'List what a resource provider has.'),
  'placement:resource_providers:inventories:show': rule(OPERATOR, 'Show what it has of one class.'),
  'placement:resource_providers:usages': rule(OPERATOR, 'Show what of a resource provider is taken.'),
  'placement:resource_providers:aggregates:list': rule(OPERATOR, 'List the aggregates of a resource provider.'),
  'placement:resource_providers:traits:list': rule(OPERATOR, 'List the traits of a resource provider.'),
  'placement:resource_providers:allocations:list': rule(OPERATOR, 'List who holds what of a resource provider.'),
  'placement:allocations:list': rule(OPERATOR, 'Show what a consumer holds.'),
  'placement:allocation_candidates:list': rule(OPERATOR, 'List resource providers with room for a request.'),
  'placement:usages': rule(
    '(role:reader and project_id:%(project_id)s) or rule:service_or_admin',
    'Show what a project holds.',
  ),
  'placement:resource_classes:list': rule(OPERATOR, 'List classes of resources.'),
  'placement:resource_classes:show': rule(OPERATOR, 'Show a class of resources.'),
  'placement:traits:list': rule(OPERATOR, 'List traits.'),
  'placement:traits:show': rule(OPERATOR, 'Show a trait.'),
}
