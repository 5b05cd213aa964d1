import type { ConfigDriveFormat, DiskFormat, EphemeralFormat } from '../../images/index.ts'

/** What the driver needs to know from `nova.conf`; the names are those of the options. */
export interface LibvirtDriverOptions {
  /** `[DEFAULT] host`: guests carry it, and the driver touches no other host's. */
  readonly host: string
  /** `[DEFAULT] my_ip`: where other hosts reach this one. */
  readonly my_ip: string
  readonly state_path: string
  readonly instances_path: string
  readonly force_raw_images: boolean
  readonly libvirt: {
    readonly connection_uri: string
    /** `auto` tries a guest under KVM and falls back to emulation. */
    readonly virt_type: 'auto' | 'kvm' | 'qemu'
    /** `none` leaves the processor to QEMU. */
    readonly cpu_mode: CpuMode
    /** How long a soft reboot may take before it is done by force. */
    readonly wait_soft_reboot_seconds: number
  }
  readonly guest: GuestOptions
  readonly image_cache: {
    /** Seconds between two looks for unused images; below 0 is never. */
    readonly manager_interval: number
    readonly remove_unused_base_images: boolean
    readonly remove_unused_original_minimum_age_seconds: number
  }
  readonly resume_guests_state_on_host_boot: boolean
  readonly vnc: { readonly enabled: boolean; readonly server_listen: string }
  /** Path of the namespace in which libvirt runs, and guests' screens listen; null is this process's own. */
  readonly network_namespace: string | null
}

/** How guests are made. */
export interface GuestOptions {
  /** `qcow2` stands on the cached image, `raw` is a copy of it. */
  readonly images_type: DiskFormat
  readonly default_ephemeral_format: EphemeralFormat
  readonly force_config_drive: boolean
  readonly config_drive: { readonly format: ConfigDriveFormat; readonly mkisofs_cmd: string }
  /** How often, and how long each time, a running guest is asked to let go of a device. */
  readonly detach: { readonly attempts: number; readonly timeout_s: number }
  readonly metadata: { readonly dhcp_domain: string; readonly vendor_data: Readonly<Record<string, unknown>> }
}

export type CpuMode = 'host-model' | 'host-passthrough' | 'maximum' | 'none'
