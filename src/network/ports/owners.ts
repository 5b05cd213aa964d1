/** What the network service itself has ports for, in Neutron's words. */
export const ROUTER_INTERFACE = 'network:router_interface'
export const ROUTER_GATEWAY = 'network:router_gateway'
export const FLOATING_IP = 'network:floatingip'
