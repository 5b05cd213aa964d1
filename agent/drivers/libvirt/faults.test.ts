import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Instance } from '../../../src/contracts/index.ts'
import { newId } from '../../../src/kernel/index.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { type LibvirtDriverLab, startLibvirtDriverLab } from '../../../test/support/libvirt-driver.ts'
import { has } from '../../../test/support/requirements.ts'
import { quietLog } from '../../../test/support/quiet-log.ts'
import { type Driver, DriverError, type GuestState } from '../driver.ts'
import { createLibvirtDriver } from './index.ts'

const NEVER = new AbortController().signal
const TEST_DEADLINE_MS = 120_000

describe.if(has('libvirt', 'qemu-img'))('the libvirt driver on a host', () => {
  let lab: LibvirtDriverLab
  let driver: Driver
  const reported: GuestState[] = []

  beforeAll(async () => {
    lab = await startLibvirtDriverLab()
    driver = lab.driver
    driver.onPower((guest) => reported.push(guest))
    await driver.open()
  }, TEST_DEADLINE_MS)

  afterAll(async () => {
    await driver.close()
    await lab.cleanup()
  }, TEST_DEADLINE_MS)

  const spawn = (instance: Instance): Promise<void> => driver.spawn(instance, () => {}, NEVER)
  const domains = async (...flags: string[]): Promise<string[]> =>
    (await lab.host.virsh('list', '--uuid', ...flags)).split('\n').filter(Boolean)
  const consoleOf = ({ server_id }: Instance): Promise<string> => driver.consoleOutput(server_id, null)

  function holds(what: string, body: () => Promise<void>): void {
    test(what, body, TEST_DEADLINE_MS)
  }

  async function withGuest(body: (instance: Instance) => Promise<void>): Promise<void> {
    const instance = lab.instance()
    await spawn(instance)
    try {
      await body(instance)
    } finally {
      await driver.destroy(instance.server_id)
    }
  }

  async function failure(verb: Promise<unknown>): Promise<DriverError> {
    const error = await verb.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(DriverError)
    return error as DriverError
  }

  const lastReport = (id: string): string | undefined =>
    reported.findLast(({ server_id }) => server_id === id)?.power_state

  /** Ends the guest's QEMU as a bug in it would. */
  const killQemu = async ({ instance_name }: Instance): Promise<void> => {
    await lab.host.exec(['sh', '-c', `kill -9 $(cat /run/libvirt/qemu/${instance_name}.pid)`])
  }

  holds("a guest is there for virsh while it runs, with Nova's files, and leaves no trace", async () => {
    const instance = lab.instance()
    await spawn(instance)
    expect(await domains()).toEqual([instance.server_id])
    expect(await lab.host.virsh('domname', instance.server_id)).toBe(instance.instance_name)
    const directory = join(lab.host.instancesDir, instance.server_id)
    expect((await readdir(directory)).sort()).toEqual(['console.log', 'disk', 'disk.info', 'instance.json', 'libvirt.xml'])
    await driver.destroy(instance.server_id)
    expect(await domains('--all')).toEqual([])
    expect((await readdir(lab.host.instancesDir)).sort()).toEqual(['_base', 'compute_nodes'])
  })

  holds('the root disk is as large as the flavor says, and is kept over a reboot', () =>
    withGuest(async (instance) => {
      const gib_of_sectors = 2 ** 30 / 512
      await eventually(async () => expect(await consoleOf(instance)).toContain(`boot=1 sectors=${gib_of_sectors}`))
      await driver.reboot(instance.server_id, 'HARD')
      await eventually(async () => expect(await consoleOf(instance)).toContain('boot=2'))
    }),
  )

  holds('a guest is asked to stop by its power button', () =>
    withGuest(async (instance) => {
      await eventually(async () => expect(await consoleOf(instance)).toContain('login:'))
      await driver.powerOff(instance.server_id, 60)
      expect(await consoleOf(instance)).toContain('power button')
    }),
  )

  /** The tiny guest, told to hang: it no longer hears its power button. */
  async function deafen(instance: Instance): Promise<void> {
    await eventually(async () => expect(await consoleOf(instance)).toContain('login:'))
    const tty = await lab.host.virsh('ttyconsole', instance.server_id)
    // QEMU looks once a second whether somebody is at the other end.
    await lab.host.exec(['sh', '-c', `{ sleep 1.5; printf h; sleep 1.5; } > ${tty}`])
  }

  holds('a guest that is deaf to its power button is ended after the timeout', () =>
    withGuest(async (instance) => {
      await deafen(instance)
      await driver.powerOff(instance.server_id, 1)
      expect(await driver.powerState(instance.server_id)).toBe('shutdown')
      expect(await consoleOf(instance)).not.toContain('power button')
    }),
  )

  holds('a soft reboot of a deaf guest is done by force after its time', () =>
    withGuest(async (instance) => {
      await deafen(instance)
      const hasty = lab.makeDriver({ libvirt: { ...lab.config.libvirt, wait_soft_reboot_seconds: 1 } })
      await hasty.open()
      await hasty.reboot(instance.server_id, 'SOFT')
      await hasty.close()
      await eventually(async () => expect(await consoleOf(instance)).toContain('boot=2'))
    }),
  )

  holds('a paused guest is ended without waiting, and one that is paused is let go on by a start', () =>
    withGuest(async ({ server_id }) => {
      await lab.host.virsh('suspend', server_id)
      expect(await driver.powerState(server_id)).toBe('paused')
      await driver.powerOn(server_id)
      expect(await driver.powerState(server_id)).toBe('running')
      await lab.host.virsh('suspend', server_id)
      await driver.powerOff(server_id, 3600)
      expect(await driver.powerState(server_id)).toBe('shutdown')
    }),
  )

  holds('a build finds what an interrupted one left: files without a domain, a domain that does not run', async () => {
    const instance = lab.instance()
    const directory = join(lab.host.instancesDir, instance.server_id)
    await mkdir(directory)
    await Bun.write(join(directory, 'disk'), 'half a disk')
    await spawn(instance)
    await lab.host.virsh('destroy', instance.server_id)
    await spawn(instance)
    expect(await driver.powerState(instance.server_id)).toBe('running')
    await driver.destroy(instance.server_id)
    expect(await lab.leftovers()).toEqual([])
  })

  holds('a guest that the host cannot start is one to try elsewhere, and nothing is left', async () => {
    const instance = lab.instance()
    const error = await failure(spawn({ ...instance, flavor: { ...instance.flavor, memory_mb: 100_000_000 } }))
    expect([error.kind, error.reason]).toEqual(['unavailable', 'The hypervisor could not start the guest.'])
    expect(await domains('--all')).toEqual([])
    expect(await lab.leftovers()).toEqual([])
  })

  holds("domains of others are not seen and not touched, not even under a guest's id", async () => {
    const theirs = newId()
    const path = join(lab.host.instancesDir, '..', 'theirs.xml')
    await Bun.write(path, foreignXml(theirs, 'theirs'))
    await lab.host.virsh('create', path)
    expect(await driver.guests()).toEqual([])
    const error = await failure(driver.destroy(theirs))
    expect(error.reason).toBe('The host has a guest with this id that belongs to someone else.')
    await failure(spawn(lab.instance({ server_id: theirs })))
    await failure(driver.powerOff(theirs, 0))
    const sameName = await failure(spawn(lab.instance({ instance_name: 'theirs' })))
    expect(sameName.kind).toBe('unavailable')
    expect(await domains()).toEqual([theirs])
    expect(await lab.leftovers()).toEqual([])
    await lab.host.virsh('destroy', theirs)
  })

  holds('guests of a host of another name on the same libvirt are left alone', () =>
    withGuest(async ({ server_id }) => {
      const other = lab.makeDriver({ host: 'another' })
      await other.open()
      expect(await other.guests()).toEqual([])
      await failure(other.destroy(server_id))
      await other.close()
      expect(await driver.powerState(server_id)).toBe('running')
    }),
  )

  holds('QEMU that dies is reported as a crash, and the guest can be started again', () =>
    withGuest(async (instance) => {
      await killQemu(instance)
      await eventually(async () => expect(lastReport(instance.server_id)).toBe('crashed'))
      expect(await driver.powerState(instance.server_id)).toBe('crashed')
      await driver.powerOn(instance.server_id)
      expect(await driver.powerState(instance.server_id)).toBe('running')
    }),
  )

  holds('without libvirtd every verb fails as unavailable, guests live on, and all works again when it is back', () =>
    withGuest(async ({ server_id }) => {
      await lab.host.stopDaemon()
      const verbs: Record<string, () => Promise<unknown>> = {
        inventory: () => driver.inventory(),
        guests: () => driver.guests(),
        spawn: () => spawn(lab.instance()),
        destroy: () => driver.destroy(server_id),
        powerOn: () => driver.powerOn(server_id),
        powerOff: () => driver.powerOff(server_id, 10),
        reboot: () => driver.reboot(server_id, 'SOFT'),
        powerState: () => driver.powerState(server_id),
        consoleOutput: () => driver.consoleOutput(server_id, 1),
      }
      for (const [verb, call] of Object.entries(verbs)) {
        const { kind, reason } = await failure(call())
        expect({ verb, kind, reason }).toEqual({ verb, kind: 'unavailable', reason: 'The hypervisor does not answer.' })
      }
      await lab.host.startDaemon()
      expect(await driver.guests()).toEqual([{ server_id, power_state: 'running' }])
      await driver.powerOff(server_id, 0)
      await eventually(async () => expect(lastReport(server_id)).toBe('shutdown'))
    }),
  )

  holds('after a loss of power those guests run again that ran, where that is configured, and no other', async () => {
    const [ran, stopped, unseen] = [lab.instance(), lab.instance(), lab.instance()]
    for (const instance of [ran, stopped, unseen]) await spawn(instance)
    await driver.powerOff(stopped.server_id, 0)
    await driver.suspend(unseen.server_id)
    // The agent goes down with the host.
    await driver.close()
    await lab.host.killPower()
    await lab.host.powerOn()
    const resuming = lab.makeDriver({ resume_guests_state_on_host_boot: true })
    await resuming.open()
    const states = await Promise.all([ran, stopped, unseen].map(({ server_id }) => resuming.powerState(server_id)))
    expect(states).toEqual(['running', 'shutdown', 'shutdown'])
    await eventually(async () => expect(await resuming.consoleOutput(ran.server_id, null)).toContain('boot=2'))
    await resuming.close()
    driver = lab.reopen()
    driver.onPower((guest) => reported.push(guest))
    await driver.open()
    for (const { server_id } of [ran, stopped, unseen]) await driver.destroy(server_id)
  })

  holds('after a loss of power guests stay off where nothing else is configured', () =>
    withGuest(async ({ server_id }) => {
      await lab.host.killPower()
      await lab.host.powerOn()
      await driver.open()
      expect(await driver.powerState(server_id)).toBe('shutdown')
    }),
  )

  holds('what a build leaves that libvirtd went away from is removed when it is back, unless the guest is built again', async () => {
    let goesAway = true
    // Asked for between the disk and the definition.
    const plug = async (): Promise<{ bridge: string; tap: string }> => {
      if (goesAway) await lab.host.stopDaemon()
      throw new DriverError('There is no network.')
    }
    const building = createLibvirtDriver({ config: lab.config, log: quietLog, nics: { plug, tapOf: String } })
    await building.open()
    const vif = { port_id: newId(), network_id: newId(), network_label: '', mac_address: 'fa:16:3e:00:00:01', mtu: 1500, fixed_ips: [] }
    const [given_up, again] = [lab.instance({ vifs: [vif] }), lab.instance({ vifs: [vif] })]
    for (const instance of [given_up, again]) {
      await failure(building.spawn(instance, () => {}, NEVER))
      expect(await readdir(lab.host.instancesDir)).toContain(instance.server_id)
      await lab.host.startDaemon()
    }
    goesAway = false
    await building.spawn({ ...again, vifs: [] }, () => {}, NEVER)
    await eventually(async () => expect(await lab.leftovers()).toEqual([]))
    expect(await building.powerState(again.server_id)).toBe('running')
    await building.destroy(again.server_id)
    await building.close()
  })

  holds('what happened to a guest while libvirtd was away is reported when it is back', () =>
    withGuest(async (instance) => {
      await lab.host.stopDaemon()
      await killQemu(instance)
      await lab.host.startDaemon()
      await eventually(async () => expect(['crashed', 'shutdown']).toContain(lastReport(instance.server_id) ?? ''))
    }),
  )

  holds('tells versions as virsh does, and offers no virtualisation that is not used', async () => {
    const { hypervisor_version, hypervisor_type, supported_instances } = await driver.inventory()
    const [, major, minor, patch] = /hypervisor: QEMU (\d+)\.(\d+)\.(\d+)/.exec(await lab.host.virsh('version')) ?? []
    expect(hypervisor_version).toBe(Number(major) * 1_000_000 + Number(minor) * 1000 + Number(patch))
    expect(hypervisor_type).toBe('QEMU')
    expect(supported_instances).toContainEqual(['x86_64', 'qemu', 'hvm'])
    expect(supported_instances.map(([, type]) => type)).not.toContain('kvm')
  })

  holds('decides for itself how guests run, and they do', async () => {
    const { libvirt } = lab.config
    const undecided = lab.makeDriver({ libvirt: { ...libvirt, virt_type: 'auto' } })
    await undecided.open()
    const instance = lab.instance()
    await undecided.spawn(instance, () => {}, NEVER)
    expect(await undecided.powerState(instance.server_id)).toBe('running')
    await undecided.destroy(instance.server_id)
    await undecided.close()
    expect(await domains('--all')).toEqual([])
  })

  holds('says what is missing where libvirt or a place for guests is', async () => {
    const { libvirt } = lab.config
    const nowhere = lab.makeDriver({ libvirt: { ...libvirt, connection_uri: 'qemu:///system?socket=/nonexistent' } })
    expect((await failure(nowhere.open())).reason).toBe('libvirt cannot be reached: cannot connect to /nonexistent')
    await nowhere.close()
    const unwritable = lab.makeDriver({ instances_path: '/proc/instances' })
    expect((await failure(unwritable.open())).reason).toContain('/proc/instances')
    await unwritable.close()
  })
})

const foreignXml = (uuid: string, name: string): string => `
  <domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>16</memory>
  <os><type>hvm</type></os></domain>`
