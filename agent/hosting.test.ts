import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOST_EVENTS, type HostEvent, hostEvent } from '../src/contracts/index.ts'
import { systemClock } from '../src/kernel/index.ts'
import { type Bus, createMemoryBus } from '../src/platform/bus/index.ts'
import { type Config, loadConfig, type Overrides } from '../src/platform/config/index.ts'
import { silentLog } from '../src/platform/log/index.ts'
import { DirectoryInUse, driverChoice, DriverError, type Hosting, startHosting } from './index.ts'
import { agentOptions } from './settings.ts'
import { settled } from './test-clock.ts'

let state_path: string
let bus: Bus
let events: HostEvent[]
let running: Hosting[]

beforeEach(() => {
  state_path = mkdtempSync(join(tmpdir(), 'bunova-hosting-'))
  bus = createMemoryBus({ log: silentLog })
  events = []
  running = []
  bus.consume(HOST_EVENTS, { group: 'test', concurrency: 1 }, async (message) => {
    events.push(hostEvent.parse(message))
  })
})
afterEach(async () => {
  for (const hosting of running) await hosting.stop()
  await bus.close()
  rmSync(state_path, { recursive: true })
})

function configured(overrides: Overrides = {}): Config {
  return loadConfig({
    files: [],
    env: {},
    overrides: {
      ...overrides,
      DEFAULT: { state_path, host: 'here', ...overrides.DEFAULT },
      libvirt: { connection_uri: `qemu:///system?socket=${state_path}/no-libvirt-here` },
    },
  }).config
}

async function start(config: Config): Promise<Hosting> {
  const hosting = await startHosting({ config, bus, clock: systemClock, log: silentLog })
  running.push(hosting)
  await settled()
  return hosting
}

const hostNames = (): string[] => events.filter(({ event }) => event === 'inventory').map(({ host }) => host)

describe('the compute hosts of a machine', () => {
  test('auto takes simulated ones where libvirt does not answer, and says why', async () => {
    const hosting = await start(configured({ DEFAULT: { compute_driver: 'auto' } }))
    expect(hosting.hosts).toBe(1)
    expect(hosting.says).toMatch(/^compute driver: fake, one simulated host \(.*libvirt.*\)$/)
    expect(hostNames()).toEqual(['here'])
  })

  test('several simulated ones are told apart by their numbers', async () => {
    await start(configured({ DEFAULT: { compute_driver: 'fake.FakeDriver' }, bunova: { fake_hosts: 3 } }))
    expect(hostNames()).toEqual(['here-1', 'here-2', 'here-3'])
  })

  test('simulated ones have the traits that are configured, and names that no trait has end the start', async () => {
    const withTraits = (fake_traits: string[]) =>
      configured({ DEFAULT: { compute_driver: 'fake' }, bunova: { fake_traits } })
    await expect(start(withTraits(['custom-fast']))).rejects.toThrow('[bunova] fake_traits: custom-fast is no trait')
    await start(withTraits(['CUSTOM_FAST', 'HW_CPU_X86_AVX2']))
    const told = events.flatMap((event) => (event.event === 'inventory' ? [event.inventory.traits] : []))
    expect(told).toEqual([['CUSTOM_FAST', 'HW_CPU_X86_AVX2']])
  })

  test('libvirt, when it is asked for by name, must be there', async () => {
    const config = configured({ DEFAULT: { compute_driver: 'libvirt.LibvirtDriver' } })
    await expect(start(config)).rejects.toBeInstanceOf(DriverError)
    expect(events).toEqual([])
    // The state path is free again for the next try.
    await start(configured({ DEFAULT: { compute_driver: 'fake' } }))
  })

  test('are run once per state path', async () => {
    const config = configured({ DEFAULT: { compute_driver: 'fake' } })
    const first = await start(config)
    await expect(start(config)).rejects.toBeInstanceOf(DirectoryInUse)
    await first.stop()
    running = []
    await start(config)
  })

  test('keep their journal in a directory of their own under the state path', async () => {
    await start(configured({ DEFAULT: { compute_driver: 'fake' } }))
    expect(existsSync(join(state_path, 'agent', 'agent.journal'))).toBe(true)
  })
})

describe('settings', () => {
  test.each<[string, string]>([
    ['libvirt.LibvirtDriver', 'libvirt'],
    ['nova.virt.libvirt.LibvirtDriver', 'libvirt'],
    ['nova.virt.libvirt.driver.LibvirtDriver', 'libvirt'],
    ['libvirt', 'libvirt'],
    ['fake.FakeDriver', 'fake'],
    ['fake.SmallFakeDriver', 'fake'],
    ['fake', 'fake'],
    ['auto', 'auto'],
  ])('compute_driver = %s is %s', (name, choice) => {
    expect(driverChoice(name)).toBe(choice as 'auto')
  })

  const strange = ['vmwareapi.VMwareVCDriver', 'ironic.IronicDriver', 'libvirtish', 'FAKE', '']
  test.each(strange)('%p is no driver here', (name) => {
    expect(() => driverChoice(name)).toThrow('compute_driver')
  })

  test('a ratio that is unset or 0 is the initial one', () => {
    const { inventory } = agentOptions(
      configured({ DEFAULT: { cpu_allocation_ratio: 0, ram_allocation_ratio: 1.5, initial_disk_allocation_ratio: 2 } }),
    )
    expect(inventory).toMatchObject({ cpu_allocation_ratio: 4, ram_allocation_ratio: 1.5, disk_allocation_ratio: 2 })
  })

  test('reserved disk is rounded up: what is kept back is kept back', () => {
    const reserved = (mib: number): number =>
      agentOptions(configured({ DEFAULT: { reserved_host_disk_mb: mib } })).inventory.reserved_disk_gb
    expect([0, 1, 1024, 1025].map(reserved)).toEqual([0, 1, 1, 2])
  })
})
