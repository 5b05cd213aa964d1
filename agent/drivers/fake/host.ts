import type { AgentVerb, Instance, PowerState } from '../../../src/contracts/index.ts'
import { type Clock, newId, systemClock } from '../../../src/kernel/index.ts'
import { DriverError, type GuestState, type HostInventory, type SpawnStage } from '../driver.ts'
import { type FakeGuest, type FakeGuests, openFakeGuests } from './guests.ts'

export interface FakeDriverOptions {
  readonly host: string
  /** Where guests are kept, so that they outlive the process; in memory when absent. */
  readonly directory?: string | undefined
  /** Guests that several hosts of one process share, instead of a directory; whoever opened them closes them. */
  readonly guests?: FakeGuests | undefined
  /** What the host has, where it differs from 64 VCPUs, 256 GiB and 10,000 GB. */
  readonly inventory?: Partial<HostInventory> | undefined
  /** How long each verb takes, in milliseconds; nothing when absent. */
  readonly delays_ms?: Partial<Record<AgentVerb, number>> | undefined
  readonly fault?: FakeFault | undefined
  /** Whether the host's guests live on storage that all hosts see. */
  readonly shared_storage?: boolean | undefined
  readonly clock?: Clock | undefined
}

/**
 * Called before a verb takes effect, and in each stage of a spawn or rebuild. It may throw a `DriverError`, or return a
 * promise that takes its time, rejects or never ends.
 */
export type FakeFault = (point: FaultPoint, serverId: string) => Promise<void> | void
export type FaultPoint = AgentVerb | 'cache_image' | `${'spawn' | 'rebuild'}/${SpawnStage}`

/** One simulated host: its guests, and what it was told to suffer. The verbs work on it. */
export type FakeHost = ReturnType<typeof createFakeHost>

export function createFakeHost(options: FakeDriverOptions) {
  const { host, fault, delays_ms, shared_storage = false, clock = systemClock } = options
  let guests: FakeGuests | undefined
  let report: (guest: GuestState) => void = () => {}
  const watchers = new Set<(guest: GuestState) => void>()

  function tell(guest: GuestState): void {
    report(guest)
    for (const watcher of watchers) watcher(guest)
  }

  const opened = (): FakeGuests => {
    if (!guests) throw new DriverError('The hypervisor is not available.', { kind: 'unavailable' })
    return guests
  }

  const find = (key: string): FakeGuest | undefined => opened().of(host).get(key)
  /** The guest that is here, be it on or off. */
  function guest(serverId: string): FakeGuest | undefined {
    const found = find(serverId)
    return found?.place === 'here' ? found : undefined
  }

  return {
    name: host,
    clock,
    shared_storage,
    open: (): void => void (guests ??= options.guests ?? openFakeGuests(options.directory)),
    close(): void {
      if (!options.guests) guests?.close()
      guests = undefined
    },
    opened,
    find,
    guest,

    existing(serverId: string): FakeGuest {
      const found = guest(serverId)
      if (!found) throw new DriverError('There is no such guest.', { kind: 'not_found' })
      return found
    },

    /** Writes a guest down; of one that is here its power state is told. */
    put(changed: FakeGuest): void {
      opened().set(host, changed)
      if (changed.place === 'here') tell({ server_id: changed.server_id, power_state: changed.power_state })
    },

    remove(key: string): void {
      const gone = find(key)
      if (!gone) return
      opened().delete(host, key)
      if (gone.place === 'here') tell({ server_id: gone.server_id, power_state: 'nostate' })
    },

    /** What this host was told to suffer at this point. */
    async suffer(point: FaultPoint, serverId: string, signal?: AbortSignal): Promise<void> {
      const delay_ms = delays_ms?.[point as AgentVerb]
      if (delay_ms) await clock.sleep(delay_ms, signal)
      if (fault) await endedBy(fault(point, serverId), signal)
      signal?.throwIfAborted()
    },

    onPower: (callback: (guest: GuestState) => void): void => void (report = callback),

    /** Tells of one guest until what it returns is called. */
    watch(serverId: string, callback: (guest: GuestState) => void): () => void {
      const watcher = (guest: GuestState): void => {
        if (guest.server_id === serverId) callback(guest)
      }
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
  }
}

/** The guest by a fresh start. */
export const started = (guest: FakeGuest): FakeGuest => ({ ...guest, power_state: 'running', boots: guest.boots + 1 })
export const stopped = (guest: FakeGuest, power_state: PowerState = 'shutdown'): FakeGuest => ({ ...guest, power_state })

/** A guest as the instance describes it: never started, on a new disk. */
export function newGuest({ server_id, name, hostname, flavor, image, vifs }: Instance): FakeGuest {
  const { vcpus, memory_mb, root_gb } = flavor
  return {
    server_id,
    name,
    hostname,
    vcpus,
    memory_mb,
    root_gb,
    power_state: 'nostate',
    boots: 0,
    disk: newId(),
    image_id: image?.id ?? null,
    vifs: vifs.map(({ port_id, mac_address }) => ({ port_id, mac_address })),
    rescued: false,
    place: 'here',
  }
}

const GIB = 2 ** 30

/** No bytes are fetched; what is known of the image must fit the flavor's root disk. 0 is any size. */
export function refuseImage({ image, flavor: { root_gb } }: Instance): void {
  if (!image || root_gb === 0) return
  if (image.size_bytes > root_gb * GIB || image.min_disk_gb > root_gb) {
    throw new DriverError("The image is larger than the flavor's root disk.", { kind: 'bad_image' })
  }
}

/** Waits for `work`, or until the signal aborts. */
async function endedBy(work: Promise<void> | void, signal: AbortSignal | undefined): Promise<void> {
  if (!work || !signal) return work
  let leave = (): void => {}
  const aborted = new Promise<void>((resolve) => (leave = resolve))
  signal.addEventListener('abort', leave, { once: true })
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
