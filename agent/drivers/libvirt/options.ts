/** What the driver needs to know from `nova.conf`; the names are those of the options. */
export interface LibvirtDriverOptions {
  /** `[DEFAULT] host`: guests carry it, and the driver touches no other host's. */
  readonly host: string
  readonly state_path: string
  readonly instances_path: string
  readonly libvirt: {
    readonly connection_uri: string
    /** `auto` tries a guest under KVM and falls back to emulation. */
    readonly virt_type: 'auto' | 'kvm' | 'qemu'
    /** `none` leaves the processor to QEMU. */
    readonly cpu_mode: CpuMode
    /** How long a soft reboot may take before it is done by force. */
    readonly wait_soft_reboot_seconds: number
  }
  readonly vnc: { readonly enabled: boolean; readonly server_listen: string }
}

export type CpuMode = 'host-model' | 'host-passthrough' | 'maximum' | 'none'
