import type { AgentVerb, Instance, PowerState } from '../../../src/contracts/index.ts'
import { type Clock, systemClock } from '../../../src/kernel/index.ts'
import {
  type Driver,
  DriverError,
  type GuestState,
  type HostInventory,
  SPAWN_STAGES,
  type SpawnStage,
} from '../driver.ts'
import { uptimeText } from '../uptime.ts'
import { consoleLog, lastLines } from './console.ts'
import { type FakeGuest, type FakeGuests, openFakeGuests } from './guests.ts'

/** A simulated hypervisor: every verb of the port, at once and without a guest. For tests, trials and scale. */
export interface FakeDriver extends Driver {
  /** Changes a guest's power state as someone on the host would, behind the agent's back. */
  changePower(serverId: string, powerState: PowerState): void
}

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
  readonly clock?: Clock | undefined
}

/**
 * Called before a verb takes effect, and in each stage of a spawn. It may throw a `DriverError`, or return a promise
 * that takes its time, rejects or never ends.
 */
export type FakeFault = (point: FaultPoint, serverId: string) => Promise<void> | void
export type FaultPoint = AgentVerb | `spawn/${SpawnStage}`

const GIB = 2 ** 30

export function createFakeDriver(options: FakeDriverOptions): FakeDriver {
  const { host, fault, delays_ms, clock = systemClock } = options
  let guests: FakeGuests | undefined
  let tell: (guest: GuestState) => void = () => {}

  const opened = (): FakeGuests => {
    if (!guests) throw new DriverError('The hypervisor is not available.', { kind: 'unavailable' })
    return guests
  }
  const find = (serverId: string): FakeGuest | undefined => opened().of(host).get(serverId)

  function existing(serverId: string): FakeGuest {
    const guest = find(serverId)
    if (!guest) throw new DriverError('There is no such guest.', { kind: 'not_found' })
    return guest
  }

  /** Brings a guest into a state, by a fresh start where it is to run. */
  function change(guest: FakeGuest, power_state: PowerState): void {
    const boots = guest.boots + (power_state === 'running' ? 1 : 0)
    opened().set(host, { ...guest, power_state, boots })
    tell({ server_id: guest.server_id, power_state })
  }

  /** What this driver was told to suffer at this point. */
  async function suffer(point: FaultPoint, serverId: string, signal?: AbortSignal): Promise<void> {
    const delay_ms = delays_ms?.[point as AgentVerb]
    if (delay_ms) await clock.sleep(delay_ms, signal)
    if (fault) await endedBy(fault(point, serverId), signal)
    signal?.throwIfAborted()
  }
  const carefree = !fault && !delays_ms

  return {
    name: 'fake',
    open: async () => void (guests ??= options.guests ?? openFakeGuests(options.directory)),
    async close() {
      if (!options.guests) guests?.close()
      guests = undefined
    },

    async inventory() {
      opened()
      return { ...INVENTORY, hypervisor_hostname: host, ...options.inventory }
    },
    // A simulated host is up for as long as its process is, and idle.
    uptime: async () =>
      uptimeText({ now: new Date(clock.now()), up_s: process.uptime(), users: 0, load: [0, 0, 0] }),
    guests: async () =>
      Array.from(opened().of(host).values(), ({ server_id, power_state }) => ({ server_id, power_state })),

    async spawn(instance, progress, signal) {
      const { server_id } = instance
      if (!carefree) await suffer('spawn', server_id, signal)
      const guest = find(server_id)
      if (guest) {
        if (guest.power_state !== 'running') change(guest, 'running')
        return
      }
      for (const stage of SPAWN_STAGES) {
        signal.throwIfAborted()
        progress(stage)
        if (!carefree) await suffer(`spawn/${stage}`, server_id, signal)
        if (stage === 'image') refuseImage(instance)
      }
      change(newGuest(instance), 'running')
    },

    async destroy(serverId) {
      if (!carefree) await suffer('destroy', serverId)
      if (!find(serverId)) return
      opened().delete(host, serverId)
      tell({ server_id: serverId, power_state: 'nostate' })
    },

    async powerOn(serverId) {
      if (!carefree) await suffer('power_on', serverId)
      const guest = existing(serverId)
      if (guest.power_state !== 'running') change(guest, 'running')
    },

    async powerOff(serverId) {
      if (!carefree) await suffer('power_off', serverId)
      const guest = existing(serverId)
      if (guest.power_state !== 'shutdown') change(guest, 'shutdown')
    },

    async reboot(serverId) {
      if (!carefree) await suffer('reboot', serverId)
      change(existing(serverId), 'running')
    },

    powerState: async (serverId) => find(serverId)?.power_state ?? 'nostate',
    consoleOutput: async (serverId, lines) => lastLines(consoleLog(existing(serverId)), lines),
    onPower: (callback) => void (tell = callback),
    changePower: (serverId, powerState) => change(existing(serverId), powerState),
  }
}

function newGuest({ server_id, name, hostname, flavor }: Instance): FakeGuest {
  const { vcpus, memory_mb, root_gb } = flavor
  return { server_id, name, hostname, vcpus, memory_mb, root_gb, power_state: 'nostate', boots: 0 }
}

/** No bytes are fetched; what is known of the image must fit the flavor's root disk. 0 is any size. */
function refuseImage({ image, flavor: { root_gb } }: Instance): void {
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

const INVENTORY: Omit<HostInventory, 'hypervisor_hostname'> = {
  hypervisor_type: 'fake',
  hypervisor_version: 1_000_000,
  vcpus: 64,
  memory_mb: 262_144,
  local_gb: 10_000,
  cpu_info: {
    arch: 'x86_64',
    model: 'fake',
    vendor: 'fake',
    topology: { sockets: 1, cells: 1, cores: 64, threads: 1 },
    features: [],
  },
  // Images that ask for QEMU are taken too: a trial on simulated hosts must not fail for their properties.
  supported_instances: [
    ['x86_64', 'fake', 'hvm'],
    ['x86_64', 'qemu', 'hvm'],
    ['i686', 'qemu', 'hvm'],
  ],
}
