import type { RuleDefaults } from '../../platform/policy/index.ts'

const ADMIN = 'rule:admin_required'
const READER = 'rule:admin_required or (role:reader and system_scope:all)'
const READER_OR_OWNER = `${READER} or user_id:%(target.user.id)s`
const OWNER = 'user_id:%(target.user.id)s'
const ADMIN_OR_OWNER = `${ADMIN} or ${OWNER}`
const READER_OR_MEMBER = `${READER} or project_id:%(target.project.id)s`

const RULES: readonly (readonly [rule: string, check: string, description: string])[] = [
  ['admin_required', 'role:admin', 'Whoever administers the identity service.'],
  ['service_role', 'role:service', 'Other services, which validate tokens.'],
  ['token_subject', 'user_id:%(target.token.user_id)s', 'The user whom the token is about.'],

  ['identity:validate_token', `${READER} or rule:service_role or rule:token_subject`, 'Show what a token says.'],
  ['identity:check_token', `${READER} or rule:token_subject`, 'Check whether a token is valid.'],
  ['identity:revoke_token', 'rule:admin_required or rule:token_subject', 'End a token.'],

  ['identity:list_projects', READER, 'List projects.'],
  ['identity:get_project', READER_OR_MEMBER, 'Show a project.'],
  ['identity:create_project', ADMIN, 'Create a project.'],
  ['identity:update_project', ADMIN, 'Update a project.'],
  ['identity:delete_project', ADMIN, 'Delete a project.'],
  ['identity:list_user_projects', READER_OR_OWNER, 'List the projects in which a user has a role.'],

  ['identity:list_users', READER, 'List users.'],
  ['identity:get_user', READER_OR_OWNER, 'Show a user.'],
  ['identity:create_user', ADMIN, 'Create a user.'],
  ['identity:update_user', ADMIN, 'Update a user, the password included.'],
  ['identity:delete_user', ADMIN, 'Delete a user.'],
  ['identity:list_groups_for_user', READER_OR_OWNER, 'List the groups of a user.'],

  ['identity:list_domains', READER, 'List domains.'],
  ['identity:get_domain', `${READER} or project_domain_id:%(target.domain.id)s`, 'Show a domain.'],
  ['identity:create_domain', ADMIN, 'Create a domain.'],
  ['identity:update_domain', ADMIN, 'Update a domain.'],
  ['identity:delete_domain', ADMIN, 'Delete a disabled domain with all that is in it.'],

  ['identity:list_roles', READER, 'List roles.'],
  ['identity:get_role', READER, 'Show a role.'],
  ['identity:create_role', ADMIN, 'Create a role.'],
  ['identity:update_role', ADMIN, 'Update a role.'],
  ['identity:delete_role', ADMIN, 'Delete a role.'],
  ['identity:list_implied_roles', READER, 'List the roles that a role implies.'],
  ['identity:get_implied_role', READER, 'Show that a role implies another.'],
  ['identity:create_implied_role', ADMIN, 'Let a role imply another.'],
  ['identity:delete_implied_role', ADMIN, 'Let a role no longer imply another.'],
  ['identity:list_role_inference_rules', READER, 'List all implications of roles.'],
  ['identity:check_implied_role', READER, 'Check whether a role implies another.'],

  ['identity:list_role_assignments', READER, 'List who has which role on what.'],
  ['identity:list_grants', READER, 'List the roles of a user on a project or domain.'],
  ['identity:check_grant', READER, 'Check a role of a user on a project or domain.'],
  ['identity:create_grant', ADMIN, 'Grant a role on a project or domain.'],
  ['identity:revoke_grant', ADMIN, 'Revoke a role on a project or domain.'],
  ['identity:list_system_grants_for_user', READER, 'List the roles of a user on the system.'],
  ['identity:check_system_grant_for_user', READER, 'Check a role of a user on the system.'],
  ['identity:create_system_grant_for_user', ADMIN, 'Grant a role on the system.'],
  ['identity:revoke_system_grant_for_user', ADMIN, 'Revoke a role on the system.'],

  ['identity:list_system_grants_for_group', READER, 'List the roles of a group on the system.'],
  ['identity:check_system_grant_for_group', READER, 'Check a role of a group on the system.'],
  ['identity:create_system_grant_for_group', ADMIN, 'Grant a group a role on the system.'],
  ['identity:revoke_system_grant_for_group', ADMIN, 'Revoke a role of a group on the system.'],

  ['identity:list_services', READER, 'List services of the catalog.'],
  ['identity:get_service', READER, 'Show a service of the catalog.'],
  ['identity:list_endpoints', READER, 'List endpoints of the catalog.'],
  ['identity:get_endpoint', READER, 'Show an endpoint of the catalog.'],
  ['identity:list_regions', '', 'List regions.'],
  ['identity:get_region', '', 'Show a region.'],

  ['identity:list_groups', READER, 'List groups.'],
  ['identity:get_group', READER, 'Show a group.'],
  ['identity:create_group', ADMIN, 'Create a group.'],
  ['identity:update_group', ADMIN, 'Update a group.'],
  ['identity:delete_group', ADMIN, 'Delete a group.'],
  ['identity:list_users_in_group', READER, 'List the members of a group.'],
  ['identity:check_user_in_group', READER, 'Check whether a user is in a group.'],
  ['identity:add_user_to_group', ADMIN, 'Put a user into a group.'],
  ['identity:remove_user_from_group', ADMIN, 'Take a user out of a group.'],
  ['identity:list_application_credentials', READER_OR_OWNER, 'List application credentials of a user.'],
  ['identity:get_application_credential', READER_OR_OWNER, 'Show an application credential.'],
  ['identity:create_application_credential', OWNER, 'Create an application credential for oneself.'],
  ['identity:delete_application_credential', ADMIN_OR_OWNER, 'Delete an application credential.'],
  ['identity:list_access_rules', READER_OR_OWNER, 'List access rules of a user.'],
  ['identity:ec2_list_credentials', ADMIN_OR_OWNER, 'List EC2 credentials of a user, secrets included.'],
  ['identity:ec2_get_credential', ADMIN_OR_OWNER, 'Show an EC2 credential, its secret included.'],
  ['identity:ec2_create_credential', ADMIN_OR_OWNER, 'Create an EC2 credential.'],
  ['identity:ec2_delete_credential', ADMIN_OR_OWNER, 'Delete an EC2 credential.'],
  ['identity:list_credentials', '', 'List credentials: an administrator all, others their own.'],
  ['identity:list_policies', READER, 'List policies kept in the identity service.'],
  ['identity:list_limits', '', 'List limits.'],
  ['identity:list_registered_limits', '', 'List registered limits.'],
]

/** Keystone's rule names with the defaults of this identity: admin, reader of the system, or owner. */
export const identityPolicy: RuleDefaults = Object.fromEntries(
  RULES.map(([rule, check, description]) => [rule, { check, description }]),
)
