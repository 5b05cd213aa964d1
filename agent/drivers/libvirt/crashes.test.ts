import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Instance, PowerState } from '../../../src/contracts/index.ts'
import { type LibvirtCutter, startLibvirtCutter } from '../../../test/support/libvirt-cutter.ts'
import { type LibvirtDriverLab, startLibvirtDriverLab } from '../../../test/support/libvirt-driver.ts'
import { has } from '../../../test/support/requirements.ts'
import type { Driver } from '../driver.ts'

const NEVER = new AbortController().signal
const TEST_DEADLINE_MS = 180_000

interface Case {
  /** From a running guest to where the verb begins; absent where there is to be no guest. */
  readonly before?: (driver: Driver, instance: Instance) => Promise<unknown>
  readonly absent?: boolean
  /** What the driver is called with; `NEVER` and `IGNORE` stand for a signal and a callback. */
  args(lab: LibvirtDriverLab, instance: Instance): unknown[]
  /** The state that it ends in, however often it was begun. */
  readonly ends: PowerState
  /** Where something is set aside when it has ended. */
  readonly aside?: boolean
}

const id = (_lab: LibvirtDriverLab, { server_id }: Instance): unknown[] => [server_id]
const leave = (driver: Driver, { server_id }: Instance): Promise<unknown> => driver.migrateOut(server_id, 0)

/** Every verb that takes more than one step, and how it is tried. */
const CASES: Readonly<Record<string, Case>> = {
  spawn: { absent: true, args: (_lab, instance) => [instance, 'IGNORE', 'NEVER'], ends: 'running' },
  destroy: { args: id, ends: 'nostate' },
  powerOff: { args: (_lab, { server_id }) => [server_id, 0], ends: 'shutdown' },
  reboot: { args: (_lab, { server_id }) => [server_id, 'HARD'], ends: 'running' },
  suspend: { args: id, ends: 'shutdown' },
  resume: { before: (driver, { server_id }) => driver.suspend(server_id), args: id, ends: 'running' },
  rebuild: {
    args: (_lab, instance) => [instance, 'IGNORE', 'NEVER', { preserve_ephemeral: false, power_on: true }],
    ends: 'running',
  },
  rescue: { args: (lab, instance) => [instance, lab.image(), 'NEVER'], ends: 'running' },
  unrescue: {
    before: (driver, instance) => driver.rescue(instance, instance.image!, NEVER),
    args: id,
    ends: 'running',
  },
  snapshot: { args: (lab, { server_id }) => [server_id, lab.upload().target, 'IGNORE', 'NEVER'], ends: 'running' },
  migrateOut: { args: (_lab, { server_id }) => [server_id, 0], ends: 'nostate', aside: true },
  migrateIn: { before: leave, args: (_lab, instance) => [instance, null, true, 'NEVER'], ends: 'running', aside: true },
  revertMigration: { before: leave, args: (_lab, instance) => [instance, true], ends: 'running' },
}

/**
 * The agent is killed at each call of each verb that changes something at libvirt, before the call goes through and
 * after its answer is there. Then the verb is done again, as the control plane does: it must end as if nothing had been.
 */
describe.if(has('libvirt', 'qemu-img'))('an agent that is killed', () => {
  let lab: LibvirtDriverLab
  let driver: Driver
  let cutter: LibvirtCutter

  beforeAll(async () => {
    lab = await startLibvirtDriverLab()
    driver = lab.driver
    await driver.open()
    cutter = startLibvirtCutter(lab.host.socket, join(lab.host.instancesDir, '..', 'cut-sock'))
  }, TEST_DEADLINE_MS)
  afterAll(async () => {
    cutter.stop()
    await driver.close()
    await lab.cleanup()
  }, TEST_DEADLINE_MS)

  /** Does the verb in a process of its own. @returns whether it came to its end. */
  async function inProcess(verb: string, args: unknown[], cut: { at: number | null; when: 'before' | 'after' }): Promise<boolean> {
    const connection_uri = `qemu:///system?socket=${cutter.socket}`
    const config = { ...lab.config, libvirt: { ...lab.config.libvirt, connection_uri } }
    const child = Bun.spawn(['bun', join(import.meta.dir, '../../../test/support/libvirt-verb.ts')], {
      stdin: new Blob([JSON.stringify({ config, verb, args })]), stdout: 'ignore', stderr: 'pipe',
    })
    cutter.arm(cut.at, cut.when, () => child.kill('SIGKILL'))
    const [complaint] = await Promise.all([new Response(child.stderr).text(), child.exited])
    if (child.exitCode !== 0 && child.signalCode === null) throw new Error(complaint)
    return child.exitCode === 0
  }

  async function tried(verb: string, at: number | null, when: 'before' | 'after'): Promise<number> {
    const { before, absent, args, ends, aside } = CASES[verb]!
    const instance = lab.instance()
    if (!absent) await driver.spawn(instance, () => {}, NEVER)
    await before?.(driver, instance)
    const given = args(lab, instance)
    const ended = await inProcess(verb, given, { at, when })
    const changes = cutter.changes.length
    expect({ verb, at, when, ended }).toEqual({ verb, at, when, ended: at === null })
    if (!ended) {
      const again = (driver as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[verb]!
      await again(...given.map((value) => (value === 'NEVER' ? NEVER : value === 'IGNORE' ? () => {} : value)))
    }
    expect({ verb, at, when, state: await driver.powerState(instance.server_id) }).toEqual({ verb, at, when, state: ends })
    if (aside) await driver.confirmMigration(instance.server_id)
    await driver.destroy(instance.server_id)
    // A process that is gone leaves its copies for its next start to remove.
    if (verb === 'snapshot') await driver.open()
    expect({ verb, at, when, left: await lab.leftovers() }).toEqual({ verb, at, when, left: [] })
    return changes
  }

  for (const verb of Object.keys(CASES)) {
    test(`at any step of ${verb} does it again to the same end, and leaves nothing`, async () => {
      const steps = await tried(verb, null, 'before')
      expect(steps).toBeGreaterThan(0)
      for (let at = 0; at < steps; at++) {
        // Before the first of them nothing has been done yet.
        if (at > 0) await tried(verb, at, 'before')
        await tried(verb, at, 'after')
      }
    }, TEST_DEADLINE_MS)
  }
})
