import { expect } from 'bun:test'
import { newId } from '../../src/kernel/index.ts'
import { eventually, failure, ignore, NEVER, type Suite } from './conformance-suite.ts'
import type { Driver, SpawnStage } from './driver.ts'
import type { Capability } from './lacking.ts'

/** How to ask for what a driver may lack, to see that it says so. */
const ASKED: Partial<Record<Capability, (driver: Driver, serverId: string) => Promise<unknown>>> = {
  pause: (driver, id) => driver.pause(id),
  suspend: (driver, id) => driver.suspend(id),
  changePassword: (driver, id) => driver.changePassword(id, 'secret'),
  crashDump: (driver, id) => driver.crashDump(id),
  attachInterface: (driver, id) => driver.detachInterface(id, newId()),
  diagnostics: (driver, id) => driver.diagnostics(id),
  migrate: (driver, id) => driver.migrateOut(id, 0),
  liveMigrate: (driver, id) => driver.disks(id),
}

/** What is promised of the verbs that change a guest where it is. */
export function guestVerbsConformance(suite: Suite, capabilities: readonly Capability[]): void {
  const { lab, driver, promise, withGuest, expectNothingOf, consoleHas } = suite
  const has = (capability: Capability): boolean => capabilities.includes(capability)
  const state = (serverId: string) => driver().powerState(serverId)

  for (const [capability, ask] of Object.entries(ASKED)) {
    if (has(capability as Capability)) continue
    promise(`without ${capability} it says so at once, and the guest runs on`, () =>
      withGuest(async ({ server_id }) => {
        expect((await failure(ask(driver(), server_id))).kind).toBe('unsupported')
        expect(await state(server_id)).toBe('running')
      }),
    )
  }

  if (has('pause')) {
    promise('pauses and unpauses, and neither twice is an error', () =>
      withGuest(async ({ server_id }) => {
        for (const round of [1, 2]) {
          await driver().pause(server_id)
          expect([round, await state(server_id)]).toEqual([round, 'paused'])
        }
        for (const round of [1, 2]) {
          await driver().unpause(server_id)
          expect([round, await state(server_id)]).toEqual([round, 'running'])
        }
      }),
    )
    promise('does not pause a guest that is off', () =>
      withGuest(async ({ server_id }) => {
        await driver().powerOff(server_id, 0)
        expect((await failure(driver().pause(server_id))).kind).toBe('failed')
        expect(await state(server_id)).toBe('shutdown')
      }),
    )
  }

  if (has('suspend')) {
    promise('suspends and resumes, and neither twice is an error', () =>
      withGuest(async (instance) => {
        const { server_id } = instance
        for (const _round of [1, 2]) {
          await driver().suspend(server_id)
          expect(['suspended', 'shutdown']).toContain(await state(server_id))
        }
        for (const _round of [1, 2]) {
          await driver().resume(server_id)
          expect(await state(server_id)).toBe('running')
        }
      }),
    )
    promise('destroys a suspended guest with all that was saved of it', async () => {
      const instance = lab().instance()
      await driver().spawn(instance, ignore, NEVER)
      await driver().suspend(instance.server_id)
      await driver().destroy(instance.server_id)
      await expectNothingOf(instance.server_id)
    })
  }

  if (has('rebuild')) {
    promise('rebuilds a guest from another image, running or left off', () =>
      withGuest(async (instance) => {
        for (const power_on of [true, false]) {
          const rebuilt = { ...instance, image: lab().image() }
          await driver().rebuild(rebuilt, ignore, NEVER, { preserve_ephemeral: false, power_on })
          expect(await state(instance.server_id)).toBe(power_on ? 'running' : 'shutdown')
        }
      }),
    )
    promise('a rebuild from a bad image leaves the guest as it was', () =>
      withGuest(async (instance) => {
        const [image] = Object.values(lab().bad_images)
        const rebuilt = driver().rebuild({ ...instance, image: image! }, ignore, NEVER, {
          preserve_ephemeral: false,
          power_on: true,
        })
        expect((await failure(rebuilt)).kind).toBe('bad_image')
        expect(await state(instance.server_id)).toBe('running')
      }),
    )
    promise('a rebuild that failed half way can be done again', () =>
      withGuest(async (instance) => {
        const fail = (stage: SpawnStage): void => {
          if (stage === 'define') throw new Error('made to fail')
        }
        const options = { preserve_ephemeral: false, power_on: true }
        await expect(driver().rebuild(instance, fail, NEVER, options)).rejects.toThrow()
        await driver().rebuild(instance, ignore, NEVER, options)
        expect(await state(instance.server_id)).toBe('running')
      }),
    )
  }

  if (has('rescue')) {
    promise('rescues a guest, twice as once, and brings it back', () =>
      withGuest(async (instance) => {
        for (const _round of [1, 2]) {
          await driver().rescue({ ...instance, admin_password: 'secret' }, lab().image(), NEVER)
          expect(await state(instance.server_id)).toBe('running')
        }
        await driver().unrescue(instance.server_id)
        await eventually('the guest is up again', () => consoleHas(instance))
        await driver().unrescue(instance.server_id)
        expect(await state(instance.server_id)).toBe('running')
      }),
    )
    promise('rescues a guest that is off, and removes it with what the rescue made', async () => {
      const instance = lab().instance()
      await driver().spawn(instance, ignore, NEVER)
      await driver().powerOff(instance.server_id, 0)
      await driver().rescue(instance, lab().image(), NEVER)
      expect(await state(instance.server_id)).toBe('running')
      await driver().destroy(instance.server_id)
      await expectNothingOf(instance.server_id)
    })
  }

  if (has('snapshot')) {
    promise('uploads an image of a guest that runs and of one that is off, and leaves both as they are', () =>
      withGuest(async ({ server_id }) => {
        const stages: string[] = []
        const running = lab().upload()
        await driver().snapshot(server_id, running.target, ({ stage }) => stages.push(stage), NEVER)
        expect(await running.arrived()).toBe(true)
        expect([...new Set(stages)]).toEqual(['snapshot', 'upload'])
        expect(await state(server_id)).toBe('running')

        await driver().powerOff(server_id, 0)
        const off = lab().upload()
        await driver().snapshot(server_id, off.target, ignore, NEVER)
        expect(await off.arrived()).toBe(true)
        expect(await state(server_id)).toBe('shutdown')
      }),
    )
    promise('a snapshot that cannot be uploaded or is called off leaves the guest as it is', () =>
      withGuest(async ({ server_id }) => {
        const { target } = lab().upload()
        const nowhere = { ...target, url: target.url.replace(/[^/]+$/, newId()) }
        await failure(driver().snapshot(server_id, nowhere, ignore, NEVER))
        const off = new AbortController()
        await expect(driver().snapshot(server_id, target, () => off.abort(), off.signal)).rejects.toThrow()
        expect(await state(server_id)).toBe('running')
        expect(await lab().leftovers()).toEqual([])
      }),
    )
  }

  if (has('crashDump')) {
    promise('sends an NMI to a guest, which goes on as its system sees fit', () =>
      withGuest(({ server_id }) => driver().crashDump(server_id)),
    )
  }

  if (has('attachInterface')) {
    promise('plugs a port in and out, and neither twice is an error', () =>
      withGuest(async ({ server_id }) => {
        await driver().powerOff(server_id, 0)
        const vif = {
          port_id: newId(),
          network_id: newId(),
          network_label: 'private',
          mac_address: 'fa:16:3e:00:00:01',
          mtu: 1500,
          fixed_ips: [],
        }
        for (const _round of [1, 2]) await driver().attachInterface(server_id, vif)
        for (const _round of [1, 2]) await driver().detachInterface(server_id, vif.port_id)
        expect(await state(server_id)).toBe('shutdown')
      }),
    )
  }

  if (has('diagnostics')) {
    promise('tells what a guest is made of', () =>
      withGuest(async (instance) => {
        const facts = await driver().diagnostics(instance.server_id)
        expect(facts).toMatchObject({ state: 'running', memory: { maximum_mb: instance.flavor.memory_mb } })
        expect(facts.cpus).toHaveLength(instance.flavor.vcpus)
        expect(facts.disks.map(({ device }) => device)).toContain('vda')
      }),
    )
  }
}
