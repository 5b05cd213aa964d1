import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DriverUnderTest } from '../../agent/drivers/conformance.ts'
import type { Driver } from '../../agent/drivers/driver.ts'
import { createLibvirtDriver, type LibvirtDriverOptions, type Nics } from '../../agent/drivers/libvirt/index.ts'
import { testInstance } from '../../agent/test-instance.ts'
import type { ImageSource, Instance } from '../../src/contracts/index.ts'
import { makeTinyImage } from '../../src/guest-image/index.ts'
import { newId } from '../../src/kernel/index.ts'
import { openLogs } from '../../src/platform/log/index.ts'
import { type LibvirtHost, startLibvirtHost } from '../lab/index.ts'
import { type ImageServer, startImageServer } from './image-server.ts'

/** A libvirt driver on a pseudo-host of its own, with the tiny guest as its image. */
export interface LibvirtDriverLab extends DriverUnderTest {
  readonly host: LibvirtHost
  readonly images: ImageServer
  readonly tiny: ImageSource
  readonly config: LibvirtDriverOptions
  makeDriver(overrides?: Partial<LibvirtDriverOptions>): Driver
  /** A driver on the other host, not opened. */
  makeOther(overrides?: Partial<LibvirtDriverOptions>): Promise<Driver>
}

/** Bridges are for a test to make, in the host's own network. */
export const labNics: Nics = {
  plug: async (_serverId, { port_id, network_id }) => ({ bridge: `brq${network_id.slice(0, 11)}`, tap: labNics.tapOf(port_id) }),
  tapOf: (portId) => `tap${portId.slice(0, 11)}`,
}

/** What belongs to all guests together. */
const SHARED = new Set(['_base', 'compute_nodes', 'snapshots'])

export async function startLibvirtDriverLab(): Promise<LibvirtDriverLab> {
  const host = await startLibvirtHost()
  const images = startImageServer()
  const tiny = images.add(makeTinyImage())
  const log = openLogs({ log_dir: join(host.instancesDir, '..') }).role('nova-compute')
  let instances = 0

  const config: LibvirtDriverOptions = {
    host: host.name,
    my_ip: '127.0.0.1',
    state_path: join(host.instancesDir, '..'),
    instances_path: host.instancesDir,
    libvirt: {
      connection_uri: `qemu:///system?socket=${host.socket}`,
      virt_type: 'qemu',
      cpu_mode: 'host-model',
      wait_soft_reboot_seconds: 60,
    },
    force_raw_images: true,
    guest: {
      images_type: 'qcow2',
      default_ephemeral_format: 'ext4',
      force_config_drive: false,
      config_drive: { format: 'iso9660', mkisofs_cmd: 'genisoimage' },
      detach: { attempts: 2, timeout_s: 1 },
      metadata: { dhcp_domain: 'novalocal', vendor_data: {} },
    },
    image_cache: {
      manager_interval: 2400,
      remove_unused_base_images: true,
      remove_unused_original_minimum_age_seconds: 86_400,
    },
    resume_guests_state_on_host_boot: false,
    vnc: { enabled: true, server_listen: '127.0.0.1' },
    network_namespace: host.network,
  }
  const makeDriver = (overrides: Partial<LibvirtDriverOptions> = {}): Driver =>
    createLibvirtDriver({ log, config: { ...config, ...overrides }, nics: labNics })
  const driver = makeDriver()
  let another: Promise<LibvirtHost> | undefined
  async function makeOther(overrides: Partial<LibvirtDriverOptions> = {}): Promise<Driver> {
    const second = await (another ??= startLibvirtHost())
    return makeDriver({
      host: second.name,
      state_path: join(second.instancesDir, '..'),
      instances_path: second.instancesDir,
      libvirt: { ...config.libvirt, connection_uri: `qemu:///system?socket=${second.socket}` },
      ...overrides,
    })
  }

  return {
    host,
    images,
    tiny,
    config,
    driver,
    makeDriver,
    reopen: () => makeDriver(),
    instance: (overrides) => tinyInstance(++instances, tiny, overrides),
    bad_images: badImages(images),
    consoleText: () => 'tiny-guest login:',

    image: () => images.add(makeTinyImage()),
    upload() {
      const target = images.target('qcow2')
      return { target, arrived: async () => images.uploaded(target) !== null }
    },

    makeOther,
    async other() {
      const other = await makeOther()
      await other.open()
      return other
    },

    async leftovers() {
      const guests = new Set((await host.virsh('list', '--all', '--uuid')).split('\n').filter(Boolean))
      const own = await readdir(host.instancesDir)
      const unfinished = (await readdir(join(host.instancesDir, '_base'))).filter((name) => name.endsWith('.part'))
      const copies = await readdir(join(host.instancesDir, 'snapshots')).catch(() => [])
      return [...copies, ...own.filter((name) => !SHARED.has(name) && !guests.has(name)), ...unfinished]
    },

    async cleanup() {
      await images.stop()
      await (await another)?.stop()
      await host.stop()
    },
  }
}

/** The smallest instance, as `instance-<number in hex>`. */
export function tinyInstance(number: number, image: ImageSource | null, overrides: Partial<Instance> = {}): Instance {
  const instance = testInstance({
    instance_name: `instance-${number.toString(16).padStart(8, '0')}`,
    name: `tiny ${number} <&'">`,
    hostname: `tiny-${number}`,
    image,
  })
  return { ...instance, flavor: { ...instance.flavor, memory_mb: 16 }, ...overrides }
}

/** Each is refused, and for a reason of its own. */
function badImages(images: ImageServer): Record<string, ImageSource> {
  const tiny = makeTinyImage()
  const backed = tiny.slice()
  const header = new DataView(backed.buffer)
  header.setBigUint64(8, 512n)
  header.setUint32(16, 11)
  backed.set(new TextEncoder().encode('/etc/passwd'), 512)
  const huge = tiny.slice()
  new DataView(huge.buffer).setBigUint64(24, 2n ** 40n)
  const torn = tiny.slice()
  const tables = new DataView(torn.buffer)
  tables.setBigUint64(Number(tables.getBigUint64(40)), 0xffff_ffff_ffffn)
  return {
    'a backing file': images.add(backed),
    'a qcow2 file that is declared raw': images.add(tiny, { disk_format: 'raw' }),
    'a raw file that is declared qcow2': images.add(makeTinyImage('raw'), { disk_format: 'qcow2' }),
    'larger than the flavor': images.add(huge),
    'not what its checksum says': images.add(tiny, { sha512: '0'.repeat(128) }),
    'longer than announced': images.add(tiny, { size_bytes: tiny.length - 1 }),
    'a qcow2 file whose tables lead nowhere': images.add(torn),
    'gone from the image service': { ...images.add(tiny), url: images.add(tiny).url.replace(/[^/]+$/, newId()) },
  }
}
