import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Instance, PowerState } from '../../src/contracts/index.ts'
import { isUuid } from '../../src/kernel/index.ts'
export type { DriverUnderTest } from './conformance-suite.ts'
import { consolesConformance } from './conformance-consoles.ts'
import { guestVerbsConformance } from './conformance-guest-verbs.ts'
import { movingConformance } from './conformance-moving.ts'
import { type DriverUnderTest, eventually, failure, GUEST_DEADLINE_S, ignore, NEVER } from './conformance-suite.ts'
import { type Driver, type GuestState, SPAWN_STAGES, type SpawnStage } from './driver.ts'
import { CAPABILITIES, type Capability } from './lacking.ts'

/**
 * The promises of the driver port, tried one by one on one host. Run it at the top level of a `*.test.ts`.
 * @param capabilities what the driver can beyond building guests and powering them; the rest must be `unsupported`
 */
export function driverConformance(
  name: string,
  makeDriver: () => Promise<DriverUnderTest>,
  capabilities: readonly Capability[] = CAPABILITIES,
): void {
  describe(`${name} driver`, () => {
    let lab: DriverUnderTest
    let driver: Driver
    const seen: GuestState[] = []

    beforeAll(async () => {
      lab = await makeDriver()
      driver = lab.driver
      driver.onPower((guest) => seen.push(guest))
      await driver.open()
    }, GUEST_DEADLINE_S * 1000)

    afterAll(async () => {
      await driver?.close()
      await lab?.cleanup()
    }, GUEST_DEADLINE_S * 1000)

    const promise = (what: string, body: () => Promise<void>): void => test(what, body, 3 * GUEST_DEADLINE_S * 1000)

    /** Runs `body` with a guest that is gone afterwards, with nothing left of it. */
    async function withGuest(body: (instance: Instance) => Promise<void>): Promise<void> {
      const instance = lab.instance()
      await driver.spawn(instance, ignore, NEVER)
      try {
        await body(instance)
      } finally {
        await driver.destroy(instance.server_id)
      }
      await expectNothingOf(instance.server_id)
    }

    async function expectNothingOf(serverId: string): Promise<void> {
      expect(await driver.powerState(serverId)).toBe('nostate')
      expect((await driver.guests()).map((guest) => guest.server_id)).not.toContain(serverId)
      expect(await lab.leftovers()).toEqual([])
    }

    async function states(...serverIds: string[]): Promise<PowerState[]> {
      const guests = new Map((await driver.guests()).map((guest) => [guest.server_id, guest.power_state]))
      return serverIds.map((id) => guests.get(id) ?? 'nostate')
    }

    promise('tells what the host has', async () => {
      const inventory = await driver.inventory()
      expect(inventory.hypervisor_hostname).not.toBe('')
      expect(inventory.hypervisor_version).toBeGreaterThan(0)
      for (const amount of [inventory.vcpus, inventory.memory_mb, inventory.local_gb]) {
        expect(Number.isInteger(amount) && amount > 0).toBe(true)
      }
      expect(inventory.supported_instances.length).toBeGreaterThan(0)
      expect(inventory.cpu_info).toHaveProperty('arch')
    })

    promise('is as it was when it is opened again', () =>
      withGuest(async ({ server_id }) => {
        await driver.open()
        expect(await states(server_id)).toEqual(['running'])
        await driver.powerOff(server_id, 0)
        expect(await states(server_id)).toEqual(['shutdown'])
      }),
    )

    promise('spawns a guest that runs, through each stage in order', async () => {
      const stages: SpawnStage[] = []
      const instance = lab.instance()
      await driver.spawn(instance, (stage) => stages.push(stage), NEVER)
      expect(stages).toEqual([...SPAWN_STAGES])
      expect(await driver.powerState(instance.server_id)).toBe('running')
      expect(await states(instance.server_id)).toEqual(['running'])
      await driver.destroy(instance.server_id)
      await expectNothingOf(instance.server_id)
    })

    promise('a second spawn of a guest that runs changes nothing', () =>
      withGuest(async (instance) => {
        const before = seen.length
        await driver.spawn(instance, ignore, NEVER)
        expect(await states(instance.server_id)).toEqual(['running'])
        expect(seen.slice(before).filter((guest) => guest.server_id === instance.server_id)).toEqual([])
      }),
    )

    promise('keeps guests apart: what is done to one leaves the other', () =>
      withGuest((one) =>
        withGuest(async (other) => {
          await driver.powerOff(one.server_id, 0)
          expect(await states(one.server_id, other.server_id)).toEqual(['shutdown', 'running'])
        }),
      ),
    )

    for (const stage of SPAWN_STAGES) {
      promise(`a spawn that fails at stage ${stage} leaves nothing, and can be done again`, async () => {
        const instance = lab.instance()
        const fail = (reached: SpawnStage): void => {
          if (reached === stage) throw new Error(`made to fail at ${stage}`)
        }
        await expect(driver.spawn(instance, fail, NEVER)).rejects.toThrow()
        await expectNothingOf(instance.server_id)

        await driver.spawn(instance, ignore, NEVER)
        expect(await driver.powerState(instance.server_id)).toBe('running')
        await driver.destroy(instance.server_id)
        await expectNothingOf(instance.server_id)
      })
    }

    promise('a spawn that is called off ends before its next stage and leaves nothing', async () => {
      const instance = lab.instance()
      const off = new AbortController()
      const stages: SpawnStage[] = []
      const progress = (stage: SpawnStage): void => {
        stages.push(stage)
        if (stage === 'disk') off.abort()
      }
      await expect(driver.spawn(instance, progress, off.signal)).rejects.toThrow()
      expect(stages).not.toContain('start')
      await expectNothingOf(instance.server_id)
    })

    promise('refuses each bad image as bad_image, and leaves nothing', async () => {
      expect(Object.keys(lab.bad_images)).not.toEqual([])
      for (const [what, image] of Object.entries(lab.bad_images)) {
        const instance = lab.instance({ image })
        const error = await failure(driver.spawn(instance, ignore, NEVER))
        expect(`${what}: ${error.kind}`).toBe(`${what}: bad_image`)
        expect(error.reason).not.toContain('/')
        await expectNothingOf(instance.server_id)
      }
    })

    promise('powers off and on, and neither twice is an error', () =>
      withGuest(async ({ server_id }) => {
        for (const round of [1, 2]) {
          await driver.powerOff(server_id, 0)
          expect([round, await driver.powerState(server_id)]).toEqual([round, 'shutdown'])
        }
        for (const round of [1, 2]) {
          await driver.powerOn(server_id)
          expect([round, await driver.powerState(server_id)]).toEqual([round, 'running'])
        }
      }),
    )

    promise('powers off a guest that is asked first', () =>
      withGuest(async (instance) => {
        await eventually('the guest is up', () => consoleHas(instance))
        await driver.powerOff(instance.server_id, GUEST_DEADLINE_S)
        expect(await driver.powerState(instance.server_id)).toBe('shutdown')
      }),
    )

    for (const type of ['SOFT', 'HARD'] as const) {
      promise(`a ${type} reboot ends with a running guest, of a stopped one too`, () =>
        withGuest(async (instance) => {
          await eventually('the guest is up', () => consoleHas(instance))
          await driver.reboot(instance.server_id, type)
          expect(await driver.powerState(instance.server_id)).toBe('running')
          await driver.powerOff(instance.server_id, 0)
          await driver.reboot(instance.server_id, type)
          expect(await driver.powerState(instance.server_id)).toBe('running')
        }),
      )
    }

    promise('destroys a guest in any power state, twice, and one it never had', async () => {
      const running = lab.instance()
      const stopped = lab.instance()
      await driver.spawn(running, ignore, NEVER)
      await driver.spawn(stopped, ignore, NEVER)
      await driver.powerOff(stopped.server_id, 0)
      const never = lab.instance().server_id
      for (const id of [running.server_id, stopped.server_id, running.server_id, never]) await driver.destroy(id)
      for (const id of [running.server_id, stopped.server_id, never]) await expectNothingOf(id)
    })

    promise('says not_found of a guest that is not there', async () => {
      const { server_id } = lab.instance()
      const verbs: Record<string, () => Promise<unknown>> = {
        powerOn: () => driver.powerOn(server_id),
        powerOff: () => driver.powerOff(server_id, 0),
        reboot: () => driver.reboot(server_id, 'HARD'),
        consoleOutput: () => driver.consoleOutput(server_id, null),
      }
      for (const [verb, call] of Object.entries(verbs)) {
        expect(`${verb}: ${(await failure(call())).kind}`).toBe(`${verb}: not_found`)
      }
      expect(await driver.powerState(server_id)).toBe('nostate')
    })

    promise('gives the console log, and its last lines when asked for a number', () =>
      withGuest(async (instance) => {
        await eventually('the console shows the guest', () => consoleHas(instance))
        const all = await driver.consoleOutput(instance.server_id, null)
        expect(all).toContain(lab.consoleText(instance))
        const two = await driver.consoleOutput(instance.server_id, 2)
        expect(two.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
        expect(await driver.consoleOutput(instance.server_id, 0)).toBe('')
      }),
    )

    promise('says how long the host has been up, in a form that clients take apart', async () => {
      expect(await driver.uptime()).toMatch(/ up .+, +\d+ users?, +load average: [\d., ]+$/)
    })

    promise('calls back for each change of power, with the state that follows', () =>
      withGuest(async ({ server_id }) => {
        const reported = (): PowerState[] =>
          seen.filter((guest) => guest.server_id === server_id).map((guest) => guest.power_state)
        await eventually('the start is reported', async () => reported().at(-1) === 'running')
        await driver.powerOff(server_id, 0)
        await eventually('the stop is reported', async () => reported().at(-1) === 'shutdown')
        await driver.powerOn(server_id)
        await eventually('the next start is reported', async () => reported().at(-1) === 'running')
      }),
    )

    promise('finds its guests again after a restart of the agent, as they are', () =>
      withGuest(async (running) =>
        withGuest(async (stopped) => {
          await driver.powerOff(stopped.server_id, 0)
          await driver.close()
          driver = lab.reopen()
          driver.onPower((guest) => seen.push(guest))
          await driver.open()
          expect(await states(running.server_id, stopped.server_id)).toEqual(['running', 'shutdown'])
          for (const guest of await driver.guests()) expect(isUuid(guest.server_id)).toBe(true)
          await driver.powerOn(stopped.server_id)
          expect(await driver.powerState(stopped.server_id)).toBe('running')
        }),
      ),
    )

    async function consoleHas(instance: Instance): Promise<boolean> {
      const output = await driver.consoleOutput(instance.server_id, null)
      return output.includes(lab.consoleText(instance))
    }

    const suite = { lab: () => lab, driver: () => driver, promise, withGuest, expectNothingOf, consoleHas }
    guestVerbsConformance(suite, capabilities)
    consolesConformance(suite)
    movingConformance(suite, capabilities)
  })
}
