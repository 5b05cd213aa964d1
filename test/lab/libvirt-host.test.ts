import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeTinyImage } from '../../src/guest-image/index.ts'
import { has } from '../support/requirements.ts'
import { eventually } from '../support/eventually.ts'
import { type LibvirtHost, startLibvirtHost } from './index.ts'

describe.if(has('libvirt'))('a pseudo-host', () => {
  let host: LibvirtHost

  beforeAll(async () => {
    host = await startLibvirtHost()
    await Bun.write(join(host.instancesDir, 'disk'), makeTinyImage())
    await Bun.write(join(host.instancesDir, 'guest.xml'), guestXml(host.instancesDir))
    await host.virsh('define', join(host.instancesDir, 'guest.xml'))
  })

  afterAll(() => host?.stop())

  const consoleLog = (): Promise<string> => Bun.file(join(host.instancesDir, 'console.log')).text()
  const running = (): Promise<string> => host.virsh('list', '--name')

  test('has a name of its own', async () => {
    expect((await host.exec(['hostname'])).trim()).toBe(host.name)
    expect(await host.virsh('hostname')).toBe(host.name)
  })

  test('boots the tiny guest, which counts its boots and knows the size of its disk', async () => {
    await host.virsh('start', 'guest')
    await eventually(async () => expect(await consoleLog()).toContain('tiny-guest boot=1 sectors=2048'))
    await eventually(async () => expect(await consoleLog()).toContain('tiny-guest login:'))
  })

  test('the tiny guest ticks', async () => {
    await eventually(async () => expect(await consoleLog()).toContain('tick 2'))
  })

  test('guests outlive libvirtd', async () => {
    await host.stopDaemon()
    await expect(host.virsh('list')).rejects.toThrow()
    await host.startDaemon()
    expect(await running()).toBe('guest')
  })

  test('a reset guest counts on', async () => {
    await host.virsh('reset', 'guest')
    await eventually(async () => expect(await consoleLog()).toContain('boot=2'))
  })

  test('the tiny guest honours the power button', async () => {
    await host.virsh('shutdown', 'guest')
    await eventually(async () => expect(await running()).toBe(''))
    expect(await consoleLog()).toContain('power button')
  })

  test('guests do not outlive a power failure, their disks and definitions do', async () => {
    await host.virsh('start', 'guest')
    await host.killPower()
    await expect(host.virsh('list')).rejects.toThrow()
    await host.powerOn()
    expect(await host.virsh('list', '--all', '--name', '--state-shutoff')).toBe('guest')
  })
})

describe.if(has('libvirt'))('pseudo-hosts', () => {
  test('two run side by side and know nothing of each other', async () => {
    const [a, b] = await Promise.all([startLibvirtHost(), startLibvirtHost({ name: 'second' })])
    try {
      await Bun.write(join(a.instancesDir, 'guest.xml'), guestXml(a.instancesDir))
      await a.virsh('define', join(a.instancesDir, 'guest.xml'))
      expect(await b.virsh('list', '--all', '--name')).toBe('')
      expect(await b.virsh('hostname')).toBe('second')
    } finally {
      await Promise.all([a.stop(), b.stop()])
    }
  })

  test('a host ends when the process that started it is killed, and the next start removes its files', async () => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'host-and-wait.ts')], { stdout: 'pipe' })
    const reader = child.stdout.getReader()
    const instances = new TextDecoder().decode((await reader.read()).value).trim()
    expect(existsSync(instances)).toBe(true)
    child.kill('SIGKILL')
    await eventually(async () => expect(await commandLines()).not.toContain(join(instances, '..')))
    await (await startLibvirtHost()).stop()
    expect(existsSync(instances)).toBe(false)
  })
})

async function commandLines(): Promise<string> {
  const glob = new Bun.Glob('/proc/[0-9]*/cmdline')
  const lines = await Promise.all(
    [...glob.scanSync({ onlyFiles: false })].map((path) => Bun.file(path).text().catch(() => '')),
  )
  return lines.join('\n')
}

function guestXml(directory: string): string {
  return `<domain type='qemu'>
    <name>guest</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
    <os><type machine='pc'>hvm</type></os><features><acpi/></features>
    <devices>
      <disk type='file'>
        <driver name='qemu' type='qcow2'/><source file='${directory}/disk'/><target dev='vda' bus='virtio'/>
      </disk>
      <serial type='pty'><log file='${directory}/console.log' append='off'/></serial>
    </devices>
  </domain>`
}
