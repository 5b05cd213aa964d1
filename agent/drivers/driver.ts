import type { ImageSource, Inventory, PowerState } from '../../src/contracts/index.ts'
import type { ConsoleVerbs } from './console-verbs.ts'
import type { GuestVerbs } from './guest-verbs.ts'
import type { MovingVerbs } from './moving-verbs.ts'

export type { Console, ConsoleEvents, ConsoleVerbs } from './console-verbs.ts'
export type { GuestVerbs, ImageProgress, Spawn, Rebuild } from './guest-verbs.ts'
export type { LiveProgress, MovingVerbs } from './moving-verbs.ts'

/**
 * What a compute host must be able to do. Two implementations, libvirt and fake, pass one conformance suite
 * (`conformance.ts`). Every verb is idempotent: called again after a crash at any point it ends in the same state.
 * One that a driver does not have fails as `unsupported` (`lacking.ts`), before it has changed anything.
 */
export interface Driver extends GuestVerbs, MovingVerbs, ConsoleVerbs {
  readonly name: 'libvirt' | 'fake'

  /**
   * Connects and checks that guests can run here; called again, it checks again.
   * @throws {DriverError} saying what is missing.
   */
  open(): Promise<void>
  close(): Promise<void>

  inventory(): Promise<HostInventory>
  /** How long the host has been up, as uptime(1) says it; clients take it apart. */
  uptime(): Promise<string>
  /** All guests of this driver on this host, running or not; those set aside by `migrateOut` are not among them. */
  guests(): Promise<GuestState[]>

  /**
   * Fetches an image ahead of builds from it. Of one that is there: nothing. @throws {DriverError} as `spawn` of an image
   * that cannot be had or used
   */
  cacheImage(image: ImageSource, signal: AbortSignal): Promise<void>

  /** `nostate` for a guest that is not there. */
  powerState(serverId: string): Promise<PowerState>
  /** The last `lines` of the console log, all that is kept when null; at most 1 MiB. */
  consoleOutput(serverId: string, lines: number | null): Promise<string>

  /** Calls back for each change of a guest's power state, whoever caused it. */
  onPower(callback: (guest: GuestState) => void): void
}

export interface GuestState {
  readonly server_id: string
  readonly power_state: PowerState
}

/** Inventory less what the agent itself adds from its configuration (node id, address, reserves, ratios). */
export type HostInventory = Omit<
  Inventory,
  | 'node_id'
  | 'host_ip'
  | 'reserved_vcpus'
  | 'reserved_memory_mb'
  | 'reserved_disk_gb'
  | 'cpu_allocation_ratio'
  | 'ram_allocation_ratio'
  | 'disk_allocation_ratio'
>

/** Told as each stage of a spawn begins, in this order; what it throws ends the spawn as any other failure does. */
export type Progress = (stage: SpawnStage) => void
export const SPAWN_STAGES = ['image', 'disk', 'define', 'start'] as const
export type SpawnStage = (typeof SPAWN_STAGES)[number]

/**
 * A verb failed. `reason` is fit for a tenant's fault ("the image is not a valid qcow2 file"); host paths, addresses
 * and libvirt's own words go into `cause`. The kind says what can be done about it: `bad_image`, another image;
 * `unavailable`, the same again elsewhere or later; `not_found`, nothing, there is no such guest; `unsupported`,
 * nothing here: this driver or this guest cannot do it.
 */
export class DriverError extends Error {
  override readonly name = 'DriverError'

  constructor(
    readonly reason: string,
    options: { cause?: unknown; kind?: DriverErrorKind } = {},
  ) {
    super(reason, { cause: options.cause })
    this.kind = options.kind ?? 'failed'
  }

  readonly kind: DriverErrorKind
}

export type DriverErrorKind = 'failed' | 'not_found' | 'unavailable' | 'unsupported' | 'bad_image'
