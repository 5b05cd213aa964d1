import type { Instance, Vif } from '../../../src/contracts/index.ts'
import type { DomainHost } from './domain-xml.ts'
import type { DiskFormat } from '../../images/index.ts'
import { element, type XmlElement } from './xml.ts'

export interface DomainDisk {
  readonly path: string
  /** From the host's own records; QEMU is told it and guesses nothing. */
  readonly format: DiskFormat
  /** A CD is read-only, and on the bus that every guest has a driver for. */
  readonly device: 'disk' | 'cdrom'
  /** `vda`, `hda`. */
  readonly target: string
}

/** What a port's network card is plugged into on this host. */
export interface DomainNic {
  readonly vif: Vif
  readonly bridge: string
  readonly tap: string
}

export interface DomainDevices {
  readonly disks: readonly DomainDisk[]
  readonly nics: readonly DomainNic[]
  readonly console_log: string
}

/** In Nova's order, by which guests number what they find. */
export function devices(instance: Instance, host: DomainHost, parts: DomainDevices): XmlElement {
  const { vnc } = host
  const screen = [
    element('input', { type: 'tablet', bus: 'usb' }),
    element('graphics', { type: 'vnc', autoport: 'yes', listen: vnc.server_listen }),
    element('video', {}, element('model', { type: 'virtio' })),
  ]
  return element(
    'devices',
    {},
    ...parts.disks.map((disk) => diskElement(disk, host)),
    ...parts.nics.map((nic) => nicElement(nic, nicModel(instance))),
    // Kept over restarts of the guest, and moved on by virtlogd when it has grown.
    element('serial', { type: 'pty' }, element('log', { file: parts.console_log, append: 'on' })),
    ...(vnc.enabled ? screen : []),
    wantsAgent(instance) && guestAgentChannel(),
    element('rng', { model: 'virtio' }, element('backend', { model: 'random' }, '/dev/urandom')),
    element('memballoon', { model: 'virtio' }, element('stats', { period: 10 })),
  )
}

function diskElement({ path, format, device, target }: DomainDisk, { disk_cache }: DomainHost): XmlElement {
  const io = format === 'raw' && disk_cache === 'none' ? 'native' : undefined
  return element(
    'disk',
    { type: 'file', device },
    element('driver', { name: 'qemu', type: format, cache: disk_cache, io }),
    element('source', { file: path }),
    element('target', { dev: target, bus: device === 'cdrom' ? 'ide' : 'virtio' }),
    device === 'cdrom' && element('readonly'),
  )
}

/** Cards that QEMU has and images may ask for by `hw_vif_model`. */
const NIC_MODELS = new Set(['virtio', 'e1000', 'e1000e', 'ne2k_pci', 'pcnet', 'rtl8139'])

/** The card that the image asks for, where there is one. */
export function nicModel({ image }: Instance): string {
  const asked = image?.properties.hw_vif_model ?? ''
  return NIC_MODELS.has(asked) ? asked : 'virtio'
}

/** libvirt makes the tap and puts it on the bridge; both are gone with the guest's process but for the bridge. */
export function nicElement({ vif, bridge, tap }: DomainNic, model: string): XmlElement {
  return element(
    'interface',
    { type: 'bridge' },
    element('mac', { address: vif.mac_address }),
    element('source', { bridge }),
    element('target', { dev: tap }),
    element('model', { type: model }),
    element('mtu', { size: vif.mtu }),
  )
}

const TRUE = new Set(['yes', 'true', '1', 'on'])

/** Whether the image has QEMU's agent inside and says so, by `hw_qemu_guest_agent`. */
export const wantsAgent = ({ image }: Instance): boolean =>
  TRUE.has((image?.properties.hw_qemu_guest_agent ?? '').toLowerCase())

const guestAgentChannel = (): XmlElement =>
  element('channel', { type: 'unix' }, element('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }))
