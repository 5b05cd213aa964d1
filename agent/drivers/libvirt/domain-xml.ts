import type { Instance, Vif } from '../../../src/contracts/index.ts'
import { devices, type DomainDevices } from './domain-devices.ts'
import type { CpuMode } from './options.ts'
import { element, renderXml, type XmlElement } from './xml.ts'

/** Namespace of the metadata by which a driver knows its guests. */
export const GUEST_NAMESPACE = 'urn:bunova:guest:1'
const NOVA_NAMESPACE = 'http://openstack.org/xmlns/libvirt/nova/1.1'

/** What the host adds to an instance. */
export interface DomainHost {
  readonly host: string
  readonly version: string
  readonly virt_type: 'kvm' | 'qemu'
  readonly cpu_mode: CpuMode
  /** libvirt's, as `major * 1,000,000 + minor * 1,000 + release`. */
  readonly libvirt_version: number
  readonly disk_cache: 'none' | 'writeback'
  readonly vnc: { readonly enabled: boolean; readonly server_listen: string }
}

/** What a guest is made of on this host. */
export interface DomainParts extends DomainDevices {
  /** Loaded by QEMU itself, past any boot loader on the disk. */
  readonly kernel?: { readonly kernel: string; readonly ramdisk: string | null; readonly command_line: string } | undefined
}

/** `<tcg>` is understood from here on. */
const TCG_FEATURE_SINCE = 8_000_000

/** The domain as Nova defines it. */
export function domainXml(instance: Instance, host: DomainHost, parts: DomainParts): string {
  const { flavor } = instance
  return renderXml(
    element(
      'domain',
      { type: host.virt_type },
      element('name', {}, instance.instance_name),
      element('uuid', {}, instance.server_id),
      element('memory', { unit: 'KiB' }, flavor.memory_mb * 1024),
      element('vcpu', {}, flavor.vcpus),
      element('metadata', {}, novaMetadata(instance, host), guestMark(host.host)),
      systemInformation(instance, host),
      operatingSystem(parts.kernel),
      features(instance, host),
      clock(host),
      cpu(flavor.vcpus, host.cpu_mode),
      devices(instance, host, parts),
    ),
  )
}

export const guestMark = (host: string): XmlElement =>
  element('bunova:guest', { 'xmlns:bunova': GUEST_NAMESPACE, host })

function operatingSystem(kernel: DomainParts['kernel']): XmlElement {
  return element(
    'os',
    {},
    element('type', { arch: 'x86_64', machine: 'pc' }, 'hvm'),
    kernel !== undefined && element('kernel', {}, kernel.kernel),
    kernel?.ramdisk !== undefined && kernel.ramdisk !== null && element('initrd', {}, kernel.ramdisk),
    kernel !== undefined && element('cmdline', {}, kernel.command_line),
    element('boot', { dev: 'hd' }),
    element('smbios', { mode: 'sysinfo' }),
  )
}

function novaMetadata(instance: Instance, { version }: DomainHost): XmlElement {
  const { flavor, image } = instance
  return element(
    'nova:instance',
    { 'xmlns:nova': NOVA_NAMESPACE },
    element('nova:package', { version }),
    element('nova:name', {}, instance.name),
    element('nova:creationTime', {}, instance.created_at.slice(0, 19).replace('T', ' ')),
    element(
      'nova:flavor',
      { name: flavor.name },
      element('nova:memory', {}, flavor.memory_mb),
      element('nova:disk', {}, flavor.root_gb),
      element('nova:swap', {}, flavor.swap_mb),
      element('nova:ephemeral', {}, flavor.ephemeral_gb),
      element('nova:vcpus', {}, flavor.vcpus),
    ),
    element(
      'nova:owner',
      {},
      element('nova:user', { uuid: instance.user_id }, instance.user_name),
      element('nova:project', { uuid: instance.project_id }, instance.project_name),
    ),
    image !== null && element('nova:root', { type: 'image', uuid: image.id }),
    element('nova:ports', {}, ...instance.vifs.map(port)),
  )
}

const port = (vif: Vif): XmlElement =>
  element(
    'nova:port',
    { uuid: vif.port_id },
    ...vif.fixed_ips.map(({ ip_address }) =>
      element('nova:ip', { type: 'fixed', address: ip_address, ipVersion: ip_address.includes(':') ? 6 : 4 }),
    ),
  )

/** By product and manufacturer a guest's cloud-init knows that it runs on OpenStack. */
function systemInformation(instance: Instance, { version }: DomainHost): XmlElement {
  const entries = {
    manufacturer: 'OpenStack Foundation',
    product: 'OpenStack Nova',
    version,
    serial: instance.server_id,
    uuid: instance.server_id,
    family: 'Virtual Machine',
  }
  const system = Object.entries(entries).map(([name, value]) => element('entry', { name }, value))
  return element('sysinfo', { type: 'smbios' }, element('system', {}, ...system))
}

function features({ flavor }: Instance, host: DomainHost): XmlElement {
  const cache_mb = Math.min(256, Math.max(32, Math.floor(flavor.memory_mb / 4)))
  return element(
    'features',
    {},
    element('acpi'),
    element('apic'),
    element('vmcoreinfo'),
    // Left to itself QEMU sets a whole GiB aside for translated code, however small the guest.
    host.virt_type === 'qemu' &&
      host.libvirt_version >= TCG_FEATURE_SINCE &&
      element('tcg', {}, element('tb-cache', { unit: 'MiB' }, cache_mb)),
  )
}

function clock({ virt_type }: DomainHost): XmlElement {
  const timers = [
    element('timer', { name: 'pit', tickpolicy: 'delay' }),
    element('timer', { name: 'rtc', tickpolicy: 'catchup' }),
    element('timer', { name: 'hpet', present: 'no' }),
  ]
  return element('clock', { offset: 'utc' }, ...(virt_type === 'kvm' ? timers : []))
}

export function cpu(vcpus: number, cpu_mode: CpuMode): XmlElement {
  const mode = cpu_mode === 'none' ? undefined : cpu_mode
  const match = mode === 'host-model' ? 'exact' : undefined
  return element('cpu', { mode, match }, element('topology', { sockets: vcpus, cores: 1, threads: 1 }))
}
