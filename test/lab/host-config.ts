import type { LibvirtHost } from './libvirt-host.ts'

/**
 * What a nova.conf says for guests to run on a pseudo-host: its libvirt, its disks, and its network, in which bridges
 * have to be. It ends in the section `[DEFAULT]`, for more to follow.
 */
export const hostConfig = ({ socket, network, instancesDir }: LibvirtHost): string => `[libvirt]
connection_uri = qemu:///system?socket=${socket}
virt_type = qemu
[bunova]
network_namespace = ${network}
[DEFAULT]
instances_path = ${instancesDir}
reserved_host_memory_mb = 0
shutdown_timeout = 10
`
