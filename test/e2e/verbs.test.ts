import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { makeTinyImage } from '../../src/guest-image/index.ts'
import { multibootKernel } from '../support/multiboot-kernel.ts'
import { eventually } from '../support/eventually.ts'
import { type QemuCloud, startQemuCloud } from '../support/qemu-cloud.ts'
import { has } from '../support/requirements.ts'

const TEST_DEADLINE_MS = 150_000

/**
 * Each verb from the request to the guest: REST, control plane, agent, libvirt, QEMU. The guest counts its boots on its
 * disk and ticks on its console; whatever a test makes, nothing of it may be left.
 */
describe.if(has('redis', 'libvirt', 'config-drive'))('a server on QEMU', () => {
  let cloud: QemuCloud
  const made: string[] = []

  beforeAll(async () => {
    cloud = await startQemuCloud(2, { conductor: 'allow_resize_to_same_host = true' })
  }, TEST_DEADLINE_MS)
  afterAll(() => cloud?.stop(), TEST_DEADLINE_MS)
  afterEach(() => cloud.remove(...made.splice(0)), TEST_DEADLINE_MS)

  async function active(overrides: Record<string, unknown> = {}): Promise<string> {
    const id = await cloud.create(overrides)
    made.push(id)
    await cloud.becomes(id, 'ACTIVE')
    return id
  }

  function verb(what: string, body: () => Promise<void>): void {
    test(what, body, TEST_DEADLINE_MS)
  }

  verb('stops by its power button, starts, and reboots softly and hard', async () => {
    const id = await active()
    await cloud.booted(id, ['1'])
    await cloud.act(id, { 'os-stop': null })
    await cloud.becomes(id, 'SHUTOFF')
    expect(await cloud.console(id)).toContain('power button')
    await cloud.act(id, { 'os-start': null })
    await cloud.becomes(id, 'ACTIVE')
    await cloud.booted(id, ['1', '2'])
    for (const [type, counts] of [['SOFT', ['1', '2', '3']], ['HARD', ['1', '2', '3', '4']]] as const) {
      await cloud.act(id, { reboot: { type } })
      await cloud.becomes(id, 'ACTIVE')
      await cloud.booted(id, [...counts])
    }
  })

  verb('stands still while it is paused, and goes on', async () => {
    const id = await active()
    await cloud.ticksOn(id)
    await cloud.act(id, { pause: null })
    expect((await cloud.becomes(id, 'PAUSED'))['OS-EXT-STS:power_state']).toBe(3)
    const still = await cloud.console(id)
    await Bun.sleep(1500)
    expect(await cloud.console(id)).toBe(still)
    await cloud.act(id, { unpause: null })
    await cloud.becomes(id, 'ACTIVE')
    await cloud.ticksOn(id)
    expect(await cloud.boots(id)).toEqual(['1'])
  })

  verb('is suspended to disk and goes on where it was', async () => {
    const id = await active()
    await cloud.ticksOn(id)
    await cloud.act(id, { suspend: null })
    await cloud.becomes(id, 'SUSPENDED')
    await cloud.act(id, { resume: null })
    await cloud.becomes(id, 'ACTIVE')
    await cloud.ticksOn(id)
    expect(await cloud.boots(id)).toEqual(['1'])
  })

  verb('is rebuilt from its own image and from another', async () => {
    const id = await active()
    await cloud.booted(id, ['1'])
    const other = await cloud.api.upload('tiny raw', 'raw', makeTinyImage('raw'))
    for (const [imageRef, counts] of [[cloud.image, ['1', '1']], [other, ['1', '1', '1']]] as const) {
      await cloud.act(id, { rebuild: { imageRef } })
      await cloud.becomes(id, 'ACTIVE')
      await cloud.booted(id, [...counts])
      expect((await cloud.show(id)).image).toMatchObject({ id: imageRef })
    }
  })

  verb('is rescued, and comes back to its own disk', async () => {
    const id = await active()
    await cloud.booted(id, ['1'])
    await cloud.act(id, { rescue: null })
    await cloud.becomes(id, 'RESCUE')
    await cloud.booted(id, ['1', '1'])
    await cloud.act(id, { unrescue: null })
    await cloud.becomes(id, 'ACTIVE')
    await cloud.booted(id, ['1', '1', '2'])
  })

  verb('is made an image of while it runs and while it is off, from which others boot', async () => {
    const id = await active()
    await cloud.booted(id, ['1'])
    for (const [name, counts] of [['live', ['2']], ['cold', ['2']]] as const) {
      if (name === 'cold') {
        await cloud.act(id, { 'os-stop': null })
        await cloud.becomes(id, 'SHUTOFF')
      }
      const answer = await cloud.act(id, { createImage: { name } })
      const image = answer.headers.get('location')!.split('/').at(-1)!
      await eventually(async () => {
        const { status } = await cloud.api.get<{ status: string }>(`/image/v2/images/${image}`)
        expect(status).toBe('active')
      }, 60)
      await cloud.becomes(id, name === 'live' ? 'ACTIVE' : 'SHUTOFF')
      const copy = await active({ imageRef: image })
      await cloud.booted(copy, [...counts])
    }
    expect(await cloud.boots(id)).toEqual(['1'])
  })

  const hostOf = async (id: string): Promise<string> => (await cloud.show(id))['OS-EXT-SRV-ATTR:host']!

  verb('migrates to the other host with its disk, back when that is reverted, and for good when it is confirmed', async () => {
    const id = await active()
    await cloud.booted(id, ['1'])
    const home = await hostOf(id)
    await cloud.act(id, { migrate: null })
    await cloud.becomes(id, 'VERIFY_RESIZE')
    const away = await hostOf(id)
    expect(away).not.toBe(home)
    await cloud.booted(id, ['2'])
    await cloud.act(id, { revertResize: null })
    await cloud.becomes(id, 'ACTIVE')
    expect(await hostOf(id)).toBe(home)
    // What it did elsewhere is forgotten; its console is the one from before.
    await cloud.booted(id, ['1', '2'])
    await cloud.act(id, { migrate: null })
    await cloud.becomes(id, 'VERIFY_RESIZE')
    await cloud.act(id, { confirmResize: null })
    await cloud.becomes(id, 'ACTIVE')
    expect(await hostOf(id)).toBe(away)
    await cloud.booted(id, ['3'])
  })

  verb('gets a larger disk when it is resized', async () => {
    const body = { flavor: { name: 'larger', vcpus: 1, ram: 32, disk: 2 } }
    const { flavor } = await cloud.api.post<{ flavor: { id: string } }>('/compute/v2.1/flavors', body)
    const id = await active()
    await cloud.booted(id, ['1'])
    await cloud.act(id, { resize: { flavorRef: flavor.id } })
    await cloud.becomes(id, 'VERIFY_RESIZE')
    await eventually(async () => expect(await cloud.console(id)).toContain(`boot=2 sectors=${2 * 2 ** 21}`))
    await cloud.act(id, { confirmResize: null })
    await cloud.becomes(id, 'ACTIVE')
  })

  verb('that is deleted in the middle of a migration leaves nothing on either host', async () => {
    const id = await active()
    await cloud.act(id, { migrate: null })
    await cloud.becomes(id, 'VERIFY_RESIZE')
  })

  verb('finds on its config drive what it was asked for with, its password and files among it', async () => {
    const user_data = Buffer.from('#!/bin/sh\necho hello\n').toString('base64')
    const personality = [{ path: '/etc/motd', contents: Buffer.from('welcome').toString('base64') }]
    const id = await active({ config_drive: true, metadata: { role: 'web' }, user_data, personality, adminPass: 'for the drive' })
    const host = await hostOf(id)
    const { lab } = cloud.hosts.find((each) => each.lab.name === host)!
    const drive = join(lab.instancesDir, id, 'disk.config')
    const read = async (path: string): Promise<string> => Bun.$`isoinfo -R -x ${path} -i ${drive}`.text()
    const told = JSON.parse(await read('/openstack/latest/meta_data.json')) as Record<string, unknown>
    expect(told).toMatchObject({ uuid: id, meta: { role: 'web' }, admin_pass: 'for the drive', files: [{ path: '/etc/motd' }] })
    expect(await read('/openstack/content/0000')).toBe('welcome')
    expect(await read('/openstack/latest/user_data')).toContain('echo hello')
    await cloud.act(id, { migrate: null })
    await cloud.becomes(id, 'VERIFY_RESIZE')
    await cloud.act(id, { confirmResize: null })
    await cloud.becomes(id, 'ACTIVE')
  })

  verb('boots the kernel that its image names, with the command line of that', async () => {
    const upload = async (name: string, disk_format: string, bytes: Uint8Array, more: object = {}): Promise<string> => {
      const image = { name, disk_format, container_format: disk_format === 'qcow2' ? 'bare' : disk_format, ...more }
      const { id } = await cloud.api.post<{ id: string }>('/image/v2/images', image)
      const stored = await cloud.api.request('PUT', `/image/v2/images/${id}/file`, { body: bytes })
      expect(stored.status).toBe(204)
      return id
    }
    const kernel_id = await upload('kernel', 'aki', multibootKernel())
    const ramdisk_id = await upload('ramdisk', 'ari', new Uint8Array(512).fill(7))
    const imageRef = await upload('with kernel', 'qcow2', makeTinyImage(), { kernel_id, ramdisk_id, os_command_line: 'told=so' })
    const id = await active({ imageRef })
    await eventually(async () => expect(await cloud.console(id)).toContain('told=so'))
    await cloud.act(id, { migrate: null })
    await cloud.becomes(id, 'VERIFY_RESIZE')
    await eventually(async () => expect(await cloud.console(id)).toContain('told=so'))
  })

  verb('is shelved, off every host, and comes back with its disk', async () => {
    const id = await active()
    await cloud.booted(id, ['1'])
    await cloud.act(id, { shelve: null })
    await eventually(async () => expect((await cloud.show(id)).status).toBe('SHELVED_OFFLOADED'), 60)
    await cloud.becomes(id, 'SHELVED_OFFLOADED')
    for (const { lab } of cloud.hosts) expect(await lab.virsh('list', '--all', '--name')).toBe('')
    await cloud.act(id, { unshelve: null })
    await cloud.becomes(id, 'ACTIVE')
    await cloud.booted(id, ['2'])
  })

  verb('of which backups are made keeps as many as it was told', async () => {
    const id = await active()
    const backup = { createBackup: { name: 'nightly', backup_type: 'daily', rotation: 1 } }
    const images = async (): Promise<string[]> =>
      (await cloud.api.get<{ images: { id: string; status: string }[] }>('/image/v2/images?name=nightly')).images
        .filter(({ status }) => status === 'active').map((image) => image.id)
    await cloud.act(id, backup)
    await eventually(async () => expect(await images()).toHaveLength(1), 60)
    const [first] = await images()
    await cloud.becomes(id, 'ACTIVE')
    await cloud.act(id, backup)
    await eventually(async () => {
      expect(await images()).toHaveLength(1)
      expect(await images()).not.toContain(first)
    }, 60)
    await cloud.becomes(id, 'ACTIVE')
  })

  verb('that is built while libvirtd goes away and comes back runs, or says why it does not', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => cloud.create()))
    made.push(...ids)
    for (const { lab } of cloud.hosts) await lab.stopDaemon()
    await Bun.sleep(500)
    for (const { lab } of cloud.hosts) await lab.startDaemon()
    await eventually(async () => {
      for (const id of ids) {
        const server = await cloud.show(id)
        expect(['ACTIVE', 'ERROR']).toContain(server.status)
        if (server.status === 'ERROR') expect(server.fault?.message).toBeTruthy()
      }
    }, 90)
    // The cloud goes on as before.
    await active()
  })

  verb('takes an NMI', async () => {
    const id = await active()
    const nmi = await cloud.api.request('POST', `/compute/v2.1/servers/${id}/action`, {
      body: { trigger_crash_dump: null }, headers: { 'openstack-api-version': 'compute 2.17' },
    })
    expect(nmi.status).toBe(202)
    await cloud.becomes(id, 'ACTIVE')
  })

  verb('that has no agent inside keeps its password, and its owner is told why', async () => {
    const id = await active()
    await cloud.act(id, { changePassword: { adminPass: 'secret' } })
    const actions = `/compute/v2.1/servers/${id}/os-instance-actions`
    await eventually(async () => {
      const { instanceActions } = await cloud.api.get<{ instanceActions: { action: string; message: string; request_id: string }[] }>(actions)
      const [change] = instanceActions.filter(({ action }) => action === 'changePassword')
      expect(change?.message).toBe('Error')
      const { instanceAction } = await cloud.api.get<{ instanceAction: { events: { result: string }[] } }>(`${actions}/${change!.request_id}`)
      expect(instanceAction.events[0]?.result).toBe('Error')
    })
    await cloud.becomes(id, 'ACTIVE')
  })

  verb('that stops by itself, or whose QEMU dies, is shown as stopped', async () => {
    const id = await active()
    await cloud.booted(id, ['1'])
    const owner = (await cloud.show(id))['OS-EXT-SRV-ATTR:host']
    const { lab } = cloud.hosts.find((each) => each.lab.name === owner)!
    await lab.virsh('shutdown', id)
    await cloud.becomes(id, 'SHUTOFF')
    await cloud.act(id, { 'os-start': null })
    await cloud.becomes(id, 'ACTIVE')
    const name = await lab.virsh('domname', id)
    await lab.exec(['sh', '-c', `kill -9 $(cat /run/libvirt/qemu/${name}.pid)`])
    await cloud.becomes(id, 'SHUTOFF')
  })
})
