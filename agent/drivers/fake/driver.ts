import type { PowerState } from '../../../src/contracts/index.ts'
import type { Driver, HostInventory } from '../driver.ts'
import { uptimeText } from '../uptime.ts'
import { consoleLog, lastLines } from './console.ts'
import { fakeConsoleVerbs } from './console-verbs.ts'
import { fakeGuestVerbs } from './guest-verbs.ts'
import { createFakeHost, type FakeDriverOptions, started, stopped } from './host.ts'
import { fakeMovingVerbs } from './moving-verbs.ts'

export type { FakeDriverOptions, FakeFault, FaultPoint } from './host.ts'

/** A simulated hypervisor: every verb of the port, at once and without a guest. For tests, trials and scale. */
export interface FakeDriver extends Driver {
  /** Changes a guest's power state as someone on the host would, behind the agent's back. */
  changePower(serverId: string, powerState: PowerState): void
}

export function createFakeDriver(options: FakeDriverOptions): FakeDriver {
  const host = createFakeHost(options)
  return {
    ...fakeGuestVerbs(host),
    ...fakeMovingVerbs(host),
    ...fakeConsoleVerbs(host),
    name: 'fake',
    open: async () => host.open(),
    close: async () => host.close(),

    async inventory() {
      host.opened()
      return { ...INVENTORY, hypervisor_hostname: host.name, ...options.inventory }
    },
    // A simulated host is up for as long as its process is, and idle.
    uptime: async () =>
      uptimeText({ now: new Date(host.clock.now()), up_s: process.uptime(), users: 0, load: [0, 0, 0] }),
    guests: async () =>
      Array.from(host.opened().of(host.name).values())
        .filter((guest) => guest.place === 'here')
        .map(({ server_id, power_state }) => ({ server_id, power_state })),

    cacheImage: (image, signal) => host.suffer('cache_image', image.id, signal),

    powerState: async (serverId) => host.guest(serverId)?.power_state ?? 'nostate',
    consoleOutput: async (serverId, lines) => lastLines(consoleLog(host.existing(serverId)), lines),
    onPower: host.onPower,
    changePower(serverId, powerState) {
      const guest = host.existing(serverId)
      host.put(powerState === 'running' ? started(guest) : stopped(guest, powerState))
    },
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
