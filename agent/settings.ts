import { readFileSync } from 'node:fs'
import { isTrait } from '../src/contracts/index.ts'
import type { Config } from '../src/platform/config/index.ts'
import type { LibvirtDriverOptions } from './drivers/libvirt/index.ts'
import type { NetworkOptions } from './network/index.ts'
import type { AgentOptions } from './options.ts'

const MIB_PER_GIB = 1024

/** What `nova.conf` says of a host. */
export function agentOptions({ DEFAULT: set }: Config): AgentOptions {
  return {
    report_interval_s: set.report_interval,
    sync_power_state_interval_s: set.sync_power_state_interval,
    max_concurrent_builds: set.max_concurrent_builds,
    inventory: {
      host_ip: set.my_ip,
      reserved_vcpus: set.reserved_host_cpus,
      reserved_memory_mb: set.reserved_host_memory_mb,
      reserved_disk_gb: Math.ceil(set.reserved_host_disk_mb / MIB_PER_GIB),
      // 0 stands for "not set", as it did in Nova before the initial ratios.
      cpu_allocation_ratio: set.cpu_allocation_ratio || set.initial_cpu_allocation_ratio,
      ram_allocation_ratio: set.ram_allocation_ratio || set.initial_ram_allocation_ratio,
      disk_allocation_ratio: set.disk_allocation_ratio || set.initial_disk_allocation_ratio,
    },
  }
}

/** @throws {Error} when the file of vendor data is not JSON. */
export function libvirtOptions({ DEFAULT, api, bunova, libvirt, image_cache, vnc }: Config): LibvirtDriverOptions {
  const byDefault = DEFAULT.use_cow_images ? 'qcow2' : 'raw'
  return {
    host: DEFAULT.host,
    my_ip: DEFAULT.my_ip,
    state_path: DEFAULT.state_path,
    instances_path: DEFAULT.instances_path,
    force_raw_images: DEFAULT.force_raw_images,
    libvirt: {
      connection_uri: libvirt.connection_uri ?? 'qemu:///system',
      virt_type: libvirt.virt_type,
      cpu_mode: libvirt.cpu_mode ?? 'host-model',
      wait_soft_reboot_seconds: libvirt.wait_soft_reboot_seconds,
    },
    guest: {
      images_type: libvirt.images_type === 'default' ? byDefault : libvirt.images_type,
      default_ephemeral_format: DEFAULT.default_ephemeral_format,
      force_config_drive: DEFAULT.force_config_drive,
      config_drive: { format: DEFAULT.config_drive_format, mkisofs_cmd: DEFAULT.mkisofs_cmd },
      detach: { attempts: libvirt.device_detach_attempts, timeout_s: libvirt.device_detach_timeout },
      metadata: { dhcp_domain: api.dhcp_domain, vendor_data: vendorData(api.vendordata_jsonfile_path) },
    },
    image_cache,
    resume_guests_state_on_host_boot: DEFAULT.resume_guests_state_on_host_boot,
    vnc: { enabled: vnc.enabled, server_listen: vnc.server_listen },
    network_namespace: bunova.network_namespace ?? null,
  }
}

export function networkOptions({ DEFAULT, api, bunova }: Config): NetworkOptions {
  return {
    host: DEFAULT.host,
    state_path: DEFAULT.state_path,
    networks_path: DEFAULT.networks_path,
    instances_path: DEFAULT.instances_path,
    public_interface: DEFAULT.public_interface ?? null,
    dhcp_domain: api.dhcp_domain,
    vendor_data: vendorData(api.vendordata_jsonfile_path),
    dhcp_lease_time_s: DEFAULT.dhcp_lease_time,
    host_networking: bunova.host_networking,
    network_namespace: bunova.network_namespace ?? null,
  }
}

/** What `[api] vendordata_jsonfile_path` holds; nothing when it is unset. */
export function vendorData(path: string | undefined): Record<string, unknown> {
  if (path === undefined) return {}
  const told: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (typeof told !== 'object' || told === null || Array.isArray(told)) {
    throw new Error(`[api] vendordata_jsonfile_path = ${path}: expected a JSON object`)
  }
  return told as Record<string, unknown>
}

/** @throws {Error} for a name that no trait can have. */
export function fakeTraits({ bunova: { fake_traits } }: Config): string[] {
  const bad = fake_traits.find((trait) => !isTrait(trait))
  if (bad !== undefined) {
    throw new Error(`[bunova] fake_traits: ${bad} is no trait; expected capital letters, digits and underscores`)
  }
  return [...fake_traits]
}

export type DriverChoice = 'auto' | 'libvirt' | 'fake'

/**
 * `[DEFAULT] compute_driver` in Nova's words (`libvirt.LibvirtDriver`, with or without `nova.virt.`) or in ours.
 * @throws for a driver that there is none of here.
 */
export function driverChoice(name: string): DriverChoice {
  if (/^(nova\.virt\.)?libvirt(\.(driver\.)?LibvirtDriver)?$/.test(name)) return 'libvirt'
  if (/^(nova\.virt\.)?fake(\.\w*FakeDriver\w*)?$/.test(name)) return 'fake'
  if (name === 'auto') return 'auto'
  throw new Error(`[DEFAULT] compute_driver = ${name}: expected libvirt.LibvirtDriver, fake.FakeDriver or auto`)
}
