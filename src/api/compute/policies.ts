import type { RuleDefaults } from '../../platform/policy/index.ts'

/**
 * The rules of the compute API, under Nova's names and with Nova's defaults. An operator's policy file overrides any of
 * them. Every rule is for tokens of a project; what admins may do they may for all projects.
 */

const scope_types = ['project'] as const
const PERSONAS = {
  admin: { check: 'rule:context_is_admin', deprecated_check: 'rule:admin_api' },
  manager: { check: 'rule:project_manager_or_admin', deprecated_check: 'rule:admin_api' },
  member: { check: 'rule:project_member_or_admin', deprecated_check: 'rule:admin_or_owner' },
  reader: { check: 'rule:project_reader_or_admin', deprecated_check: 'rule:admin_or_owner' },
  service: { check: 'rule:service_or_admin', deprecated_check: 'rule:admin_api' },
  any: { check: '@' },
  admin_or_self: { check: 'rule:context_is_admin or user_id:%(user_id)s' },
} as const

type Persona = keyof typeof PERSONAS
type Entry = readonly [rule: string, persona: Persona, description: string]

const RULES: readonly Entry[] = [
  ['extensions', 'any', 'List the available extensions and show one.'],

  ['os-flavor-manage:create', 'admin', 'Create a flavor.'],
  ['os-flavor-manage:update', 'admin', "Change a flavor's description."],
  ['os-flavor-manage:delete', 'admin', 'Delete a flavor.'],
  ['os-flavor-access', 'admin', 'List the projects that may use a private flavor.'],
  ['os-flavor-access:add_tenant_access', 'admin', 'Give a project the use of a private flavor.'],
  ['os-flavor-access:remove_tenant_access', 'admin', 'Take it back.'],
  ['os-flavor-extra-specs:index', 'reader', 'See the extra specs of a flavor.'],
  ['os-flavor-extra-specs:show', 'reader', 'See one extra spec of a flavor.'],
  ['os-flavor-extra-specs:create', 'admin', 'Add extra specs to a flavor.'],
  ['os-flavor-extra-specs:update', 'admin', 'Set one extra spec of a flavor.'],
  ['os-flavor-extra-specs:delete', 'admin', 'Remove an extra spec from a flavor.'],

  ['os-keypairs:index', 'admin_or_self', 'List keypairs of a user.'],
  ['os-keypairs:create', 'admin_or_self', 'Create or import a keypair.'],
  ['os-keypairs:show', 'admin_or_self', 'Show a keypair.'],
  ['os-keypairs:delete', 'admin_or_self', 'Delete a keypair.'],

  ['servers:index', 'reader', 'List servers.'],
  ['servers:detail', 'reader', 'List servers with details.'],
  ['servers:index:get_all_tenants', 'admin', 'List servers of all projects.'],
  ['servers:detail:get_all_tenants', 'admin', 'List servers of all projects with details.'],
  ['servers:allow_all_filters', 'admin', 'Filter a list of servers by every attribute.'],
  ['servers:show', 'reader', 'Show a server.'],
  ['servers:show:host_status', 'admin', 'Show a server with the state of its host.'],
  ['servers:create', 'member', 'Create a server.'],
  ['servers:create:forced_host', 'admin', 'Create a server on a given host, past the filters.'],
  ['servers:create:attach_volume', 'member', 'Create a server with given volumes.'],
  ['servers:create:trusted_certs', 'member', 'Create a server from an image signed by given certificates.'],
  ['servers:create:attach_network', 'member', 'Create a server with given networks or ports.'],
  ['servers:create:zero_disk_flavor', 'admin', 'Boot an image with a flavor that has no disk size.'],
  ['servers:update', 'member', 'Update a server.'],
  ['servers:delete', 'member', 'Delete a server.'],
  ['servers:start', 'member', 'Start a server.'],
  ['servers:stop', 'member', 'Stop a server.'],
  ['servers:reboot', 'member', 'Reboot a server.'],
  ['os-console-output', 'member', "Show a server's console log."],
  ['os-lock-server:lock', 'member', 'Lock a server.'],
  ['os-lock-server:unlock', 'member', 'Unlock a server.'],
  ['os-lock-server:unlock:unlock_override', 'admin', 'Unlock a server that somebody else has locked.'],
  ['os-admin-actions:reset_state', 'admin', 'Set the state of a server.'],
  ['os-extended-server-attributes', 'admin', 'See on which host a server is, and the like.'],
  ['os-instance-actions:list', 'reader', 'List what was done to a server.'],
  ['os-instance-actions:show', 'reader', 'Show what was done to a server.'],
  ['os-instance-actions:events', 'admin', 'See the events of an action with host and trace.'],
  ['os-instance-actions:events:details', 'admin', 'See why an event of an action failed.'],
  ['os-scheduling:show', 'reader', "See why a server was placed as it was, in numbers."],
  ['os-scheduling:show:hosts', 'admin', 'See the hosts and their weights of that decision.'],
  ['os-scheduling:what-if', 'member', 'Ask whether and how many servers would find a host, in numbers.'],
  ['os-scheduling:what-if:hosts', 'admin', 'See the hosts that they would find.'],
  ['os-scheduling:what-if:assume', 'admin', 'Ask it of hosts that are assumed down, disabled or added.'],
  ['os-server-groups:index', 'reader', 'List server groups.'],
  ['os-server-groups:index:all_projects', 'admin', 'List server groups of all projects.'],
  ['os-server-groups:show', 'reader', 'Show a server group.'],
  ['os-server-groups:create', 'member', 'Create a server group.'],
  ['os-server-groups:delete', 'member', 'Delete a server group.'],
  ['os-attach-interfaces:list', 'reader', "List a server's ports."],
  ['os-attach-interfaces:show', 'reader', "Show one of a server's ports."],
  ['os-security-groups:list', 'reader', "List the security groups of a server's ports."],
  ['os-volumes-attachments:index', 'reader', "List a server's volumes."],
  ['os-migrations:index', 'manager', "List the migrations of a project's servers."],
  ['os-migrations:index:all_projects', 'admin', 'List the migrations of all servers.'],
  ['os-migrations:index:host', 'admin', 'See the hosts of migrations.'],
  ['ips:index', 'reader', "List a server's addresses."],
  ['ips:show', 'reader', "List a server's addresses in one network."],
  ['server-metadata:index', 'reader', "List a server's metadata."],
  ['server-metadata:show', 'reader', "Show one item of a server's metadata."],
  ['server-metadata:create', 'member', "Add to a server's metadata."],
  ['server-metadata:update_all', 'member', "Replace a server's metadata."],
  ['server-metadata:update', 'member', "Set one item of a server's metadata."],
  ['server-metadata:delete', 'member', "Remove an item of a server's metadata."],
  ['os-server-tags:index', 'reader', "List a server's tags."],
  ['os-server-tags:show', 'reader', 'See whether a server has a tag.'],
  ['os-server-tags:update', 'member', 'Add a tag to a server.'],
  ['os-server-tags:update_all', 'member', "Replace a server's tags."],
  ['os-server-tags:delete', 'member', 'Remove a tag from a server.'],
  ['os-server-tags:delete_all', 'member', "Remove a server's tags."],

  ['limits', 'any', 'See what a project may have, and has.'],
  ['limits:other_project', 'admin', "See another project's limits."],
  ['os-quota-sets:show', 'reader', "Show a project's quotas."],
  ['os-quota-sets:detail', 'reader', "Show a project's quotas and use."],
  ['os-quota-sets:defaults', 'any', 'Show the default quotas.'],
  ['os-quota-sets:update', 'admin', "Change a project's quotas."],
  ['os-quota-sets:delete', 'admin', "Set a project's quotas back to the defaults."],
  ['os-simple-tenant-usage:list', 'admin', 'See what all projects have used.'],
  ['os-simple-tenant-usage:show', 'reader', 'See what a project has used.'],
  ['os-availability-zone:list', 'any', 'List availability zones.'],
  ['os-availability-zone:detail', 'admin', 'List availability zones with their hosts.'],
  ['os-aggregates:index', 'admin', 'List host aggregates.'],
  ['os-aggregates:create', 'admin', 'Create a host aggregate.'],
  ['os-aggregates:show', 'admin', 'Show a host aggregate.'],
  ['os-aggregates:update', 'admin', 'Change the name or the zone of a host aggregate.'],
  ['os-aggregates:delete', 'admin', 'Delete a host aggregate.'],
  ['os-aggregates:add_host', 'admin', 'Add a host to an aggregate.'],
  ['os-aggregates:remove_host', 'admin', 'Remove a host from an aggregate.'],
  ['os-aggregates:set_metadata', 'admin', 'Set the metadata of a host aggregate.'],
  ['os-services:list', 'admin', 'List services.'],
  ['os-services:update', 'admin', 'Enable and disable services.'],
  ['os-services:delete', 'admin', 'Remove a service, a compute service with its host.'],
  ['os-hypervisors:list', 'admin', 'List hypervisors.'],
  ['os-hypervisors:list-detail', 'admin', 'List hypervisors with details.'],
  ['os-hypervisors:show', 'admin', 'Show a hypervisor.'],
  ['os-hypervisors:statistics', 'admin', 'Show the sum of all hypervisors.'],
  ['os-hypervisors:uptime', 'admin', 'Show how long a hypervisor has been up.'],
  ['os-hypervisors:search', 'admin', 'Find hypervisors by their name.'],
  ['os-hypervisors:servers', 'admin', 'List the servers of hypervisors.'],
]

/** The few that Nova names without the prefix. */
const BARE_RULES: readonly Entry[] = [
  [
    'compute:servers:create:requested_destination',
    'admin',
    'Create a server on a given host, if it passes the filters.',
  ],
]

const defaultOf = ([, persona, description]: Entry) => ({ ...PERSONAS[persona], description, scope_types })

export const computePolicies: RuleDefaults = Object.fromEntries([
  ...RULES.map((entry) => [`os_compute_api:${entry[0]}`, defaultOf(entry)] as const),
  ...BARE_RULES.map((entry) => [entry[0], defaultOf(entry)] as const),
])
