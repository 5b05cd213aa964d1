import type { Vif } from '../../../src/contracts/index.ts'
import type { Clock } from '../../../src/kernel/index.ts'
import type { Logger } from '../../../src/platform/log/index.ts'
import type { ImageCache } from '../../images/index.ts'
import type { Libvirt } from '../../libvirt/index.ts'
import type { DomainHost } from './domain-xml.ts'
import type { Guests } from './guests.ts'
import type { GuestOptions } from './options.ts'
import type { Removals } from './removals.ts'

/** What every verb of the driver works with. */
export interface Hypervisor {
  readonly libvirt: Libvirt
  /** For calls that take as long as QEMU takes: nothing else waits behind them there. */
  readonly slow: Libvirt
  readonly guests: Guests
  readonly images: ImageCache
  readonly instances_path: string
  readonly host: DomainHost
  /** Null where this host has no network for its guests: they then have no network card. */
  readonly nics: Nics | null
  readonly options: GuestOptions
  readonly removals: Removals
  readonly clock: Clock
  readonly log: Logger
}

/** What a guest's network cards are plugged into. */
export interface Nics {
  /** Makes ready what the port needs on this host, and says where its card belongs. Twice is as once. */
  plug(serverId: string, vif: Vif): Promise<{ readonly bridge: string; readonly tap: string }>
  /** What the tap of a port is called. */
  tapOf(portId: string): string
}
