import { afterEach, describe, expect, test } from 'bun:test'
import { rename } from 'node:fs/promises'
import { openLogs } from '../../src/platform/log/index.ts'
import { eventually } from '../../test/support/eventually.ts'
import { startLibvirtDaemon } from '../../test/support/libvirt-daemon.ts'
import { createLibvirt, type Libvirt, LibvirtUnavailable } from './index.ts'

const log = openLogs({ log_file: '/dev/null' }).role('nova-compute')
let libvirt: Libvirt

afterEach(() => libvirt.close())

describe('a libvirt client', () => {
  test('connects at the first call, once for all who call', async () => {
    let connects = 0
    const daemon = startLibvirtDaemon((call) => call.answer({ type: 'QEMU' }))
    const listener = { event() {}, connected: () => connects++ }
    libvirt = createLibvirt({ uri: `qemu:///system?socket=${daemon.socket}`, log, listener })
    const answers = await Promise.all([1, 2, 3].map(() => libvirt.call('connectGetType', {})))
    expect(answers).toEqual(Array(3).fill({ type: 'QEMU' }))
    expect(connects).toBe(1)
    daemon.stop()
  })

  test('comes back by itself for a listener when the connection was lost', async () => {
    let connects = 0
    const daemon = startLibvirtDaemon((call) => call.answer({ type: 'QEMU' }))
    const listener = { event() {}, connected: () => connects++ }
    libvirt = createLibvirt({ uri: `qemu:///system?socket=${daemon.socket}`, log, listener })
    await libvirt.call('connectGetType', {})
    daemon.hangUp()
    await eventually(async () => expect(connects).toBe(2))
    expect(await libvirt.call('connectGetType', {})).toEqual({ type: 'QEMU' })
    daemon.stop()
  })

  test('fails at once while nobody listens, and works as soon as somebody does', async () => {
    const daemon = startLibvirtDaemon((call) => call.answer({ type: 'QEMU' }))
    libvirt = createLibvirt({ uri: `qemu:///system?socket=${daemon.socket}.moved`, log })
    const failure = await libvirt.call('connectGetType', {}).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(LibvirtUnavailable)
    expect((failure as Error).message).toContain(`cannot connect to ${daemon.socket}.moved`)
    await rename(daemon.socket, `${daemon.socket}.moved`)
    expect(await libvirt.call('connectGetType', {})).toEqual({ type: 'QEMU' })
    daemon.stop()
  })

  test('what was under way on a lost connection fails and is not sent twice', async () => {
    let calls = 0
    const daemon = startLibvirtDaemon((call) => {
      calls++
      if (calls === 1) daemon.hangUp()
      else call.answer({ type: 'QEMU' })
    })
    libvirt = createLibvirt({ uri: `qemu:///system?socket=${daemon.socket}`, log })
    await expect(libvirt.call('connectGetType', {})).rejects.toBeInstanceOf(LibvirtUnavailable)
    expect(calls).toBe(1)
    expect(await libvirt.call('connectGetType', {})).toEqual({ type: 'QEMU' })
    daemon.stop()
  })

  test('answers nobody once it is closed', async () => {
    const daemon = startLibvirtDaemon(() => {})
    libvirt = createLibvirt({ uri: `qemu:///system?socket=${daemon.socket}`, log })
    const waiting = libvirt.call('connectGetType', {})
    const failure = waiting.catch((error: unknown) => error)
    libvirt.close()
    expect(await failure).toBeInstanceOf(LibvirtUnavailable)
    await expect(libvirt.call('connectGetType', {})).rejects.toBeInstanceOf(LibvirtUnavailable)
    daemon.stop()
  })
})
