export { type LibvirtHost, startLibvirtHost } from './libvirt-host.ts'
