import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Instance, Vif } from '../../../src/contracts/index.ts'
import { makeTinyImage } from '../../../src/guest-image/index.ts'
import { newId } from '../../../src/kernel/index.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { type LibvirtDriverLab, startLibvirtDriverLab } from '../../../test/support/libvirt-driver.ts'
import { multibootKernel } from '../../../test/support/multiboot-kernel.ts'
import { has } from '../../../test/support/requirements.ts'
import { inspectFile } from '../../images/inspect.ts'
import { type Driver, DriverError } from '../driver.ts'

const NEVER = new AbortController().signal
const TEST_DEADLINE_MS = 120_000
const GIB = 2 ** 30

/** What each verb does to a real guest: it counts its boots on its disk, and writes a tick a second on its console. */
describe.if(has('libvirt', 'qemu-img', 'config-drive'))('a guest on QEMU', () => {
  let lab: LibvirtDriverLab
  let driver: Driver

  beforeAll(async () => {
    lab = await startLibvirtDriverLab()
    driver = lab.driver
    await driver.open()
  }, TEST_DEADLINE_MS)

  afterAll(async () => {
    await driver.close()
    await lab.cleanup()
  }, TEST_DEADLINE_MS)

  const spawn = (instance: Instance, on = driver): Promise<void> => on.spawn(instance, () => {}, NEVER)
  const consoleOf = ({ server_id }: Instance, on = driver): Promise<string> => on.consoleOutput(server_id, null)
  const boots = async (instance: Instance, on = driver): Promise<string[]> =>
    [...(await consoleOf(instance, on)).matchAll(/boot=(\d+)/g)].map(([, count]) => count!)
  const ticks = async (instance: Instance): Promise<number[]> =>
    [...(await consoleOf(instance)).matchAll(/tick (\d+)/g)].map(([, tick]) => Number(tick))
  const path = ({ server_id }: Instance, name: string): string => join(lab.host.instancesDir, server_id, name)

  /** The guest has written what it writes when it has booted for the last of these times. */
  const booted = (instance: Instance, counts: string[], on = driver): Promise<void> =>
    eventually(async () => expect(await boots(instance, on)).toEqual(counts))
  const ticksOn = async (instance: Instance): Promise<void> => {
    const before = (await ticks(instance)).length
    await eventually(async () => expect((await ticks(instance)).length).toBeGreaterThan(before))
  }

  function holds(what: string, body: () => Promise<void>): void {
    test(what, body, TEST_DEADLINE_MS)
  }

  async function withGuest(overrides: Partial<Instance>, body: (instance: Instance) => Promise<void>, on = driver): Promise<void> {
    const instance = lab.instance(overrides)
    await spawn(instance, on)
    try {
      await body(instance)
    } finally {
      await on.destroy(instance.server_id)
    }
    expect(await lab.leftovers()).toEqual([])
  }

  async function refusal(verb: Promise<unknown>): Promise<DriverError> {
    const error = await verb.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(DriverError)
    return error as DriverError
  }

  holds('stands still while it is paused, and goes on from there', () =>
    withGuest({}, async (instance) => {
      await ticksOn(instance)
      await driver.pause(instance.server_id)
      const still = await consoleOf(instance)
      await Bun.sleep(1500)
      expect(await consoleOf(instance)).toBe(still)
      await driver.unpause(instance.server_id)
      await ticksOn(instance)
      expect(await boots(instance)).toEqual(['1'])
    }),
  )

  holds('goes on where it was after it was suspended, also by a start, and not after a stop', () =>
    withGuest({}, async (instance) => {
      const { server_id } = instance
      await ticksOn(instance)
      for (const back of [() => driver.resume(server_id), () => driver.powerOn(server_id)]) {
        await driver.suspend(server_id)
        expect(await driver.powerState(server_id)).toBe('shutdown')
        await back()
        await ticksOn(instance)
        expect(await boots(instance)).toEqual(['1'])
      }
      await driver.pause(server_id)
      await driver.suspend(server_id)
      await driver.resume(server_id)
      expect(await driver.powerState(server_id)).toBe('running')
      await driver.suspend(server_id)
      await driver.powerOff(server_id, 10)
      expect((await refusal(driver.resume(server_id))).reason).toContain('not saved')
      await driver.powerOn(server_id)
      await booted(instance, ['1', '2'])
    }),
  )

  holds('begins anew on a fresh disk when it is rebuilt, and keeps its console and, if told to, its ephemeral disk', () =>
    withGuest({ flavor: { ...lab.instance().flavor, ephemeral_gb: 1 } }, async (instance) => {
      await booted(instance, ['1'])
      await driver.reboot(instance.server_id, 'HARD')
      await booted(instance, ['1', '2'])
      const made = async (): Promise<number> => (await Bun.file(path(instance, 'disk.eph0')).stat()).birthtimeMs
      const before = await made()
      const rebuild = (preserve_ephemeral: boolean): Promise<void> =>
        driver.rebuild(instance, () => {}, NEVER, { preserve_ephemeral, power_on: true })
      await rebuild(true)
      await booted(instance, ['1', '2', '1'])
      expect(await made()).toBe(before)
      await rebuild(false)
      await booted(instance, ['1', '2', '1', '1'])
      expect(await made()).not.toBe(before)
    }),
  )

  holds('is rescued by another disk, with its own as the second, and boots from its own again afterwards', () =>
    withGuest({ config_drive: true }, async (instance) => {
      const { server_id } = instance
      await booted(instance, ['1'])
      await driver.reboot(server_id, 'HARD')
      await booted(instance, ['1', '2'])
      await driver.rescue({ ...instance, admin_password: 'secret' }, lab.image(), NEVER)
      await booted(instance, ['1', '2', '1'])
      const disks = (await lab.host.virsh('domblklist', server_id)).split('\n').map((line) => line.trim().split(/\s+/))
      expect(disks.map(([device, file]) => [device, file!.split('/').at(-1)])).toEqual([
        ['vda', 'disk.rescue'], ['vdb', 'disk'], ['hda', 'disk.config.rescue'],
      ])
      const drive = path(instance, 'disk.config.rescue')
      expect(await Bun.$`isoinfo -R -x /openstack/latest/meta_data.json -i ${drive}`.json()).toMatchObject({ admin_pass: 'secret' })
      await driver.unrescue(server_id)
      await booted(instance, ['1', '2', '1', '3'])
      expect((await readdir(path(instance, ''))).filter((name) => name.includes('rescue'))).toEqual([])
    }),
  )

  holds('runs on while its image is made, and another guest boots from that as it was', () =>
    withGuest({}, async (instance) => {
      await booted(instance, ['1'])
      await driver.reboot(instance.server_id, 'HARD')
      await booted(instance, ['1', '2'])
      const { target } = lab.upload()
      const percents: number[] = []
      await driver.snapshot(instance.server_id, target, ({ percent }) => percents.push(percent ?? 0), NEVER)
      expect(percents.at(-1)).toBe(100)
      await ticksOn(instance)
      expect(await boots(instance)).toEqual(['1', '2'])
      const image = lab.images.add(lab.images.uploaded(target)!)
      await withGuest({ image }, (copy) => booted(copy, ['3']))
    }),
  )

  holds('has the disks of its flavor and a config drive, by the names that Nova gives them', () => {
    const flavor = { ...lab.instance().flavor, ephemeral_gb: 1, swap_mb: 64 }
    return withGuest({ flavor, config_drive: true, metadata: { role: 'web' } }, async (instance) => {
      const disks = (await lab.host.virsh('domblklist', instance.server_id)).split('\n').map((line) => line.trim().split(/\s+/))
      expect(disks.map(([device, file]) => [device, file!.split('/').at(-1)])).toEqual([
        ['vda', 'disk'], ['vdb', 'disk.eph0'], ['vdc', 'disk.swap'], ['hda', 'disk.config'],
      ])
      expect(await Bun.file(path(instance, 'disk.info')).json()).toEqual({
        [path(instance, 'disk')]: 'qcow2',
        [path(instance, 'disk.eph0')]: 'qcow2',
        [path(instance, 'disk.swap')]: 'qcow2',
        [path(instance, 'disk.config')]: 'raw',
      })
      const drive = path(instance, 'disk.config')
      expect(await Bun.$`isoinfo -R -x /openstack/latest/meta_data.json -i ${drive}`.json()).toMatchObject({
        uuid: instance.server_id, meta: { role: 'web' }, hostname: `${instance.hostname}.novalocal`,
      })
    })
  })

  holds('has a config drive of vfat as its last disk, where that is configured', async () => {
    const guest = { ...lab.config.guest, config_drive: { format: 'vfat', mkisofs_cmd: 'genisoimage' } } as const
    const other = lab.makeDriver({ guest })
    await other.open()
    await withGuest({ config_drive: true }, async (instance) => {
      expect(await lab.host.virsh('domblklist', instance.server_id)).toMatch(/vdb +\S+disk\.config/)
      await booted(instance, ['1'])
    }, other)
    await other.close()
  })

  holds('boots a kernel of its own, with a ramdisk and the command line of its image', async () => {
    const kernel = lab.images.add(multibootKernel(), { disk_format: 'raw' })
    const ramdisk = lab.images.add(new Uint8Array(512).fill(7), { disk_format: 'raw' })
    const image = lab.images.add(makeTinyImage(), { properties: { os_command_line: 'root=/dev/vda told=so' } })
    await withGuest({ image, kernel, ramdisk }, async (instance) => {
      await eventually(async () => expect(await consoleOf(instance)).toContain('told=so'))
      expect((await readdir(path(instance, ''))).sort()).toEqual([
        'console.log', 'disk', 'disk.info', 'instance.json', 'kernel', 'libvirt.xml', 'ramdisk',
      ])
    })
  })

  describe('on raw disks', () => {
    let raw: Driver
    beforeAll(async () => {
      raw = lab.makeDriver({ guest: { ...lab.config.guest, images_type: 'raw' } })
      await raw.open()
    })
    afterAll(() => raw.close())

    /** As the guest would: it owns every byte of its disk. */
    async function writeAsGuest(instance: Instance, bytes: Uint8Array): Promise<void> {
      const disk = await open(path(instance, 'disk'), 'r+')
      await disk.write(bytes, 0, bytes.length, 0)
      await disk.close()
    }

    holds('boots, grows to its flavor and takes no more space than it fills', () =>
      withGuest({}, async (instance) => {
        await eventually(async () => expect(await consoleOf(instance, raw)).toContain(`boot=1 sectors=${GIB / 512}`))
        const { size, blocks } = await Bun.file(path(instance, 'disk')).stat()
        expect(size).toBe(GIB)
        expect(blocks * 512).toBeLessThan(4 * 1024 ** 2)
      }, raw),
    )

    holds('that it turns into a qcow2 file over /etc/passwd, neither its image nor another host sees a byte of that', () =>
      withGuest({}, async (instance) => {
        const { server_id } = instance
        await raw.powerOff(server_id, 0)
        const forged = makeTinyImage().slice()
        const header = new DataView(forged.buffer)
        header.setBigUint64(8, 512n)
        header.setUint32(16, 11)
        forged.set(new TextEncoder().encode('/etc/passwd'), 512)
        await writeAsGuest(instance, forged)

        const { target, arrived } = lab.upload()
        const said = "The guest's disk cannot be used: its content is that of a disk image."
        expect((await refusal(raw.snapshot(server_id, target, () => {}, NEVER))).reason).toBe(said)
        expect(await arrived()).toBe(false)
        await raw.powerOn(server_id)
        expect(await lab.host.virsh('dumpxml', server_id)).not.toContain('passwd')
        expect((await refusal(raw.snapshot(server_id, target, () => {}, NEVER))).reason).toBe(said)
        await raw.powerOff(server_id, 0)
        expect((await refusal(raw.migrateOut(server_id, 0))).reason).toBe(said)
        await raw.revertMigration(instance, true)
        expect(await raw.powerState(server_id)).toBe('running')
        await raw.rescue(instance, lab.image(), NEVER)
        expect(await lab.host.virsh('dumpxml', server_id)).not.toContain('passwd')
        await raw.unrescue(server_id)
      }, raw),
    )

    holds('runs on while its image is made', () =>
      withGuest({}, async (instance) => {
        await booted(instance, ['1'], raw)
        const { target } = lab.upload()
        await raw.snapshot(instance.server_id, target, () => {}, NEVER)
        const image = lab.images.add(lab.images.uploaded(target)!)
        await withGuest({ image }, (copy) => booted(copy, ['2'], raw), raw)
      }, raw),
    )
  })

  describe('on its way to another host', () => {
    let other: Driver
    beforeAll(async () => {
      other = await lab.other!()
    }, TEST_DEADLINE_MS)
    afterAll(() => other.close())

    async function moves(instance: Instance, from = driver): Promise<void> {
      await spawn(instance, from)
      await booted(instance, ['1'], from)
      const larger = { ...instance, flavor: { ...instance.flavor, root_gb: 2, ephemeral_gb: 1, swap_mb: 32 } }
      const offer = await from.migrateOut(instance.server_id, 10)
      await other.migrateIn(larger, offer, true, NEVER)
      await eventually(async () => expect(await consoleOf(instance, other)).toContain(`boot=2 sectors=${(2 * GIB) / 512}`))
      await from.confirmMigration(instance.server_id)
      expect(await lab.leftovers()).toEqual([])
      const refused = await refusal(other.migrateIn({ ...instance, server_id: newId() }, offer, true, NEVER))
      expect(refused.kind).toBe('unavailable')
      await other.destroy(instance.server_id)
    }

    holds('keeps what it has written, and gets the disks of its new flavor', () => moves(lab.instance()))

    holds('comes with ephemeral disk, swap and config drive as they are', async () => {
      const instance = lab.instance({ flavor: { ...lab.instance().flavor, ephemeral_gb: 1, swap_mb: 32 }, config_drive: true })
      await moves(instance)
    })

    holds('comes whole when its image is not to be had any more', async () => {
      const instance = lab.instance()
      await spawn(instance)
      await booted(instance, ['1'])
      const offer = await driver.migrateOut(instance.server_id, 10)
      const gone = { ...instance, image: { ...instance.image!, id: newId(), url: `${instance.image!.url}?status=404` } }
      await other.migrateIn(gone, offer, true, NEVER)
      await booted(instance, ['2'], other)
      await driver.confirmMigration(instance.server_id)
      await other.destroy(instance.server_id)
    })

    holds('comes from a host with raw disks', async () => {
      const raw = lab.makeDriver({ guest: { ...lab.config.guest, images_type: 'raw' } })
      await raw.open()
      await moves(lab.instance(), raw)
      await raw.close()
    })

    holds('cannot shrink; nothing of it is left there, and it goes back', async () => {
      const flavor = { ...lab.instance().flavor, root_gb: 2 }
      await withGuest({ flavor }, async (instance) => {
        const offer = await driver.migrateOut(instance.server_id, 0)
        const smaller = { ...instance, flavor: { ...flavor, root_gb: 1 } }
        expect((await refusal(other.migrateIn(smaller, offer, true, NEVER))).reason).toContain('cannot shrink')
        expect(await other.powerState(instance.server_id)).toBe('nostate')
        await driver.revertMigration(instance, true)
        expect(await driver.powerState(instance.server_id)).toBe('running')
      })
    })
  })

  describe('with a network', () => {
    const network_id = newId()
    const vif = (): Vif => ({
      port_id: newId(), network_id, network_label: 'private', mac_address: 'fa:16:3e:12:34:56', mtu: 1400, fixed_ips: [],
    })
    beforeAll(async () => {
      await lab.host.exec(['ip', 'link', 'add', `brq${network_id.slice(0, 11)}`, 'type', 'bridge'])
    })
    const taps = async ({ server_id }: Instance): Promise<string[]> =>
      (await lab.host.virsh('domiflist', server_id)).split('\n').filter(Boolean).map((line) => line.trim().split(/\s+/)[0]!)
    const links = async (): Promise<string> => lab.host.exec(['ip', '-o', 'link', 'show', 'type', 'tun'])

    holds('has its card on the bridge, and another one when that is plugged in', () => {
      const [first, second] = [vif(), { ...vif(), mac_address: 'fa:16:3e:12:34:57' }]
      return withGuest({ vifs: [first] }, async (instance) => {
        const tapOf = ({ port_id }: Vif): string => `tap${port_id.slice(0, 11)}`
        expect(await taps(instance)).toEqual([tapOf(first)])
        await driver.attachInterface(instance.server_id, second)
        expect(await taps(instance)).toEqual([tapOf(first), tapOf(second)])
        expect(await links()).toContain(`${tapOf(second)}: `)
        expect(await links()).toContain('mtu 1400')
        expect((await driver.diagnostics(instance.server_id)).nics).toMatchObject([
          { device: tapOf(first), mac_address: first.mac_address }, { device: tapOf(second) },
        ])
        // The tiny guest has no driver that would let go of it.
        const { reason } = await refusal(driver.detachInterface(instance.server_id, second.port_id))
        expect(reason).toBe('The guest does not let go of its network card.')
        expect(await taps(instance)).toEqual([tapOf(first), tapOf(second)])
        await driver.powerOff(instance.server_id, 0)
        await driver.detachInterface(instance.server_id, second.port_id)
        await driver.powerOn(instance.server_id)
        expect(await taps(instance)).toEqual([tapOf(first)])
      }).then(async () => expect(await links()).not.toContain('tap'))
    })
  })

  holds('without an agent inside, its password stays, and the user is told why', () =>
    withGuest({ image: lab.images.add(makeTinyImage(), { properties: { hw_qemu_guest_agent: 'yes' } }) }, async ({ server_id }) => {
      expect(await lab.host.virsh('dumpxml', server_id)).toContain('org.qemu.guest_agent.0')
      const error = await refusal(driver.changePassword(server_id, 'secret'))
      expect([error.kind, error.reason]).toEqual(['unsupported', 'No QEMU guest agent answers in the guest.'])
    }),
  )

  holds('the image that is made of it stands alone', () =>
    withGuest({}, async ({ server_id }) => {
      const { target } = lab.upload()
      await driver.snapshot(server_id, target, () => {}, NEVER)
      const file = join(lab.host.instancesDir, '..', 'uploaded')
      await Bun.write(file, lab.images.uploaded(target)!)
      expect(await inspectFile(file)).toMatchObject({ format: 'qcow2', backing_file: null, virtual_size_bytes: GIB })
    }),
  )
})
