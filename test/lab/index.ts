export { type LinuxGuest, makeLinuxGuest } from './linux-guest.ts'
export { type NetworkHost, startNetworkHost } from './network-host.ts'
export { type LabGuest, labNetwork, labPort, labState, labSubnet, type NetworkLab, startNetworkLab } from './network-lab.ts'
export { type LibvirtHost, startLibvirtHost } from './libvirt-host.ts'
