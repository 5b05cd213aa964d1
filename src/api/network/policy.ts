import type { RuleDefaults } from '../../platform/policy/index.ts'

const READER = 'role:reader or rule:context_is_admin'
const OWNER = 'rule:project_member_or_admin'
const ADMIN = 'rule:context_is_admin'

const rule = (check: string, description: string) => ({ check, description })

/**
 * Neutron's rules under Neutron's names. Which resources a reader sees is not a rule: those of the own project and
 * shared ones, all for an administrator.
 */
export const networkPolicy: RuleDefaults = {
  get_network: rule(READER, 'List and show networks.'),
  create_network: rule(OWNER, 'Create a network.'),
  'create_network:shared': rule(ADMIN, 'Create a network that every project may use.'),
  'create_network:router:external': rule(ADMIN, 'Create an external network.'),
  update_network: rule(OWNER, 'Change a network.'),
  'update_network:shared': rule(ADMIN, 'Share a network, or stop to.'),
  'update_network:router:external': rule(ADMIN, 'Make a network external, or stop to.'),
  delete_network: rule(OWNER, 'Delete a network.'),
  'get_network:provider:network_type': rule(ADMIN, 'See how a network is provided.'),
  get_subnet: rule(READER, 'List and show subnets.'),
  create_subnet: rule(OWNER, 'Create a subnet on a network of the project.'),
  update_subnet: rule(OWNER, 'Change a subnet.'),
  delete_subnet: rule(OWNER, 'Delete a subnet.'),
  get_port: rule(READER, 'List and show ports.'),
  create_port: rule(OWNER, 'Create a port.'),
  'create_port:device_owner': rule(ADMIN, 'Create a port that belongs to the network itself.'),
  'create_port:binding:host_id': rule(ADMIN, 'Create a port bound to a host.'),
  'create_port:mac_address': rule(OWNER, 'Choose the MAC address of a new port.'),
  update_port: rule(OWNER, 'Change a port.'),
  'update_port:device_owner': rule(ADMIN, 'Give a port to the network itself.'),
  'update_port:binding:host_id': rule(ADMIN, 'Bind a port to a host.'),
  'get_port:binding:host_id': rule(ADMIN, 'See which host a port is bound to.'),
  delete_port: rule(OWNER, 'Delete a port.'),
  get_security_group: rule(READER, 'List and show security groups.'),
  create_security_group: rule(OWNER, 'Create a security group.'),
  update_security_group: rule(OWNER, 'Change a security group.'),
  delete_security_group: rule(OWNER, 'Delete a security group.'),
  get_security_group_rule: rule(READER, 'List and show security group rules.'),
  create_security_group_rule: rule(OWNER, 'Add a rule to a security group.'),
  delete_security_group_rule: rule(OWNER, 'Take a rule from a security group.'),
  get_quota: rule(OWNER, 'Show the quota of a project.'),
  get_agent: rule(ADMIN, 'List network agents.'),
  get_availability_zone: rule(READER, 'List availability zones of networks.'),
}
