/** Numbers of libvirt's C API (`libvirt-domain.h`) that the driver compares with or passes. */
export const DomainState = {
  nostate: 0,
  running: 1,
  blocked: 2,
  paused: 3,
  shutdown: 4,
  shutoff: 5,
  crashed: 6,
  pmsuspended: 7,
} as const

export const ShutoffReason = { crashed: 3, failed: 6 } as const

/** Of lifecycle events; the others tell of a new state. */
export const LifecycleEvent = { defined: 0, undefined: 1 } as const

/** Managed save, snapshot metadata, NVRAM and checkpoint metadata go with the definition. */
export const UNDEFINE_ALL = 1 | 2 | 4 | 16
export const SHUTDOWN_ACPI_POWER_BUTTON = 1
export const METADATA_ELEMENT = 2
export const STATS_STATE = 1
/** State, processor time, balloon, virtual processors, interfaces, disks. */
export const STATS_ALL = 1 | 2 | 4 | 8 | 16 | 32

export const BASELINE_EXPAND_FEATURES = 1
export const XML_SECURE = 1
export const XML_INACTIVE = 2
export const AFFECT_LIVE = 1
export const AFFECT_CONFIG = 2
/** Only what is above the backing file; into a file that is there; gone with the guest's process. */
export const BLOCK_COPY_SHALLOW = 1
export const BLOCK_COPY_REUSE_EXT = 2
export const BLOCK_COPY_TRANSIENT_JOB = 4
/** Whoever has the console now loses it. */
export const CONSOLE_FORCE = 1
