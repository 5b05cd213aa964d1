import { expect } from 'bun:test'
import type { Instance } from '../../src/contracts/index.ts'
import { failure, ignore, NEVER, type Suite } from './conformance-suite.ts'
import type { Driver } from './driver.ts'
import type { Capability } from './lacking.ts'

/** What is promised of a guest that goes from one host to another. */
export function movingConformance(suite: Suite, capabilities: readonly Capability[]): void {
  const { lab, driver, promise, withGuest, expectNothingOf } = suite
  const state = (serverId: string) => driver().powerState(serverId)

  async function withOther(body: (other: Driver) => Promise<void>): Promise<void> {
    const other = await lab().other!()
    try {
      await body(other)
    } finally {
      await other.close()
    }
  }

  const larger = (instance: Instance): Instance => ({
    ...instance,
    flavor: { ...instance.flavor, id: '43', name: 'm1.micro', memory_mb: instance.flavor.memory_mb * 2, root_gb: 2 },
  })

  if (capabilities.includes('migrate')) {
    promise('sets a guest aside, and gives it back as it was when the migration is reverted', () =>
      withGuest(async (instance) => {
        const { server_id } = instance
        for (const _round of [1, 2]) {
          expect((await driver().migrateOut(server_id, 0)).disks).not.toEqual([])
          expect(await state(server_id)).toBe('nostate')
        }
        expect((await driver().guests()).map((guest) => guest.server_id)).not.toContain(server_id)
        for (const _round of [1, 2]) {
          await driver().revertMigration(instance, true)
          expect(await state(server_id)).toBe('running')
        }
        expect(await lab().leftovers()).toEqual([])
      }),
    )

    promise('resizes a guest on its own host, confirmed or reverted', () =>
      withGuest(async (instance) => {
        await driver().migrateOut(instance.server_id, 0)
        for (const _round of [1, 2]) {
          await driver().migrateIn(larger(instance), null, true, NEVER)
          expect(await state(instance.server_id)).toBe('running')
        }
        await driver().revertMigration(instance, false)
        expect(await state(instance.server_id)).toBe('shutdown')

        await driver().migrateOut(instance.server_id, 0)
        await driver().migrateIn(larger(instance), null, false, NEVER)
        for (const _round of [1, 2]) await driver().confirmMigration(instance.server_id)
        expect(await state(instance.server_id)).toBe('shutdown')
        expect(await lab().leftovers()).toEqual([])
      }),
    )

    promise('moves a guest to another host, which fetches its disks', () =>
      withOther(async (other) => {
        const instance = lab().instance()
        const { server_id } = instance
        await driver().spawn(instance, ignore, NEVER)
        const offer = await driver().migrateOut(server_id, 0)
        for (const _round of [1, 2]) {
          await other.migrateIn(larger(instance), offer, true, NEVER)
          expect(await other.powerState(server_id)).toBe('running')
        }
        await driver().confirmMigration(server_id)
        await expectNothingOf(server_id)
        await other.destroy(server_id)
        expect(await other.powerState(server_id)).toBe('nostate')
      }),
    )

    promise('a guest that is set aside can be destroyed with all that is left of it', async () => {
      const instance = lab().instance()
      await driver().spawn(instance, ignore, NEVER)
      await driver().migrateOut(instance.server_id, 0)
      await driver().destroy(instance.server_id)
      await expectNothingOf(instance.server_id)
      expect((await failure(driver().migrateOut(instance.server_id, 0))).kind).toBe('not_found')
    })
  }

  if (capabilities.includes('liveMigrate')) {
    promise('moves a running guest to another host', () =>
      withOther(async (other) => {
        const instance = lab().instance()
        const { server_id } = instance
        await driver().spawn(instance, ignore, NEVER)
        const disks = await driver().disks(server_id)
        await other.livePrepare(instance, disks, 'auto', NEVER)
        const target = await other.livePrepare(instance, disks, 'auto', NEVER)
        const stages: string[] = []
        const storage = await driver().liveMigrate(server_id, target, 'auto', ({ stage }) => stages.push(stage), NEVER)
        expect(await state(server_id)).toBe('nostate')
        expect(stages).toContain('running')
        expect(await driver().liveMigrate(server_id, target, 'auto', ignore, NEVER)).toBe(storage)
        for (const _round of [1, 2]) await other.liveFinish(instance)
        expect(await other.powerState(server_id)).toBe('running')
        await driver().destroy(server_id, { keep_disks: storage === 'shared' })
        await expectNothingOf(server_id)
        await other.destroy(server_id)
      }),
    )

    promise('a live migration that is called off leaves the guest where it is, and nothing at its destination', () =>
      withOther(async (other) => {
        await withGuest(async (instance) => {
          const { server_id } = instance
          const target = await other.livePrepare(instance, await driver().disks(server_id), 'auto', NEVER)
          const off = new AbortController()
          off.abort()
          await expect(driver().liveMigrate(server_id, target, 'auto', ignore, off.signal)).rejects.toThrow()
          expect(await state(server_id)).toBe('running')
          for (const _round of [1, 2]) await other.liveRollback(server_id)
          expect(await other.powerState(server_id)).toBe('nostate')
          expect(await lab().leftovers()).toEqual([])
        })
      }),
    )

    promise('calls off nothing, and completes nothing, where no guest is under way', () =>
      withGuest(async ({ server_id }) => {
        await driver().liveAbort(server_id)
        expect((await failure(driver().liveForceComplete(server_id))).kind).toBe('not_found')
      }),
    )
  }
}
