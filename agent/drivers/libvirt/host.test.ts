import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLogs } from '../../../src/platform/log/index.ts'
import { type Call, type LibvirtDaemon, startLibvirtDaemon } from '../../../test/support/libvirt-daemon.ts'
import { createLibvirt, type Libvirt } from '../../libvirt/index.ts'
import { DriverError } from '../driver.ts'
import { readHostFacts, readInventory } from './host.ts'
import type { LibvirtDriverOptions } from './options.ts'
import { chooseVirtType } from './virt-type.ts'

const VIR_ERR_INTERNAL_ERROR = 1
const log = openLogs({ log_file: '/dev/null' }).role('nova-compute')

/** A host whose libvirt offers `types` of guests, and where guests under KVM start or do not. */
const host = { arch: 'x86_64', types: ['qemu', 'kvm'], kvm_works: true, qemu: 7_002_022n, knows_cpu: true }
let trials: string[]
let daemon: LibvirtDaemon
let libvirt: Libvirt
let state_path: string

beforeEach(async () => {
  Object.assign(host, { arch: 'x86_64', types: ['qemu', 'kvm'], kvm_works: true, qemu: 7_002_022n, knows_cpu: true })
  trials = []
  state_path = await mkdtemp(join(tmpdir(), 'host-'))
  daemon = startLibvirtDaemon(answer)
  libvirt = createLibvirt({ uri: `qemu:///system?socket=${daemon.socket}`, log })
})
afterEach(async () => {
  libvirt.close()
  daemon.stop()
  await rm(state_path, { recursive: true })
})

function answer(call: Call): void {
  const domain = { dom: { name: 'trial', uuid: crypto.randomUUID(), id: 1 } }
  const answers: Partial<Record<Call['name'], object>> = {
    connectGetType: { type: 'QEMU' },
    connectGetVersion: { version: host.qemu },
    connectGetLibVersion: { version: 9_000_000n },
    connectGetHostname: { hostname: 'compute-1.example.org' },
    connectGetCapabilities: { capabilities: capabilities() },
    nodeGetInfo: {
      model: Array(32).fill(0),
      memory: 4_155_596n,
      cpus: 8,
      mhz: 2596,
      nodes: 1,
      sockets: 2,
      cores: 2,
      threads: 2,
    },
    connectBaselineCpu: { cpu: "<cpu><feature policy='require' name='avx2'/><feature policy='require' name='aes'/></cpu>" },
    domainCreateXml: domain,
    domainDestroyFlags: {},
  }
  if (call.name === 'domainCreateXml') trials.push(call.args.xml as string)
  if (call.name === 'domainCreateXml' && !host.kvm_works) call.fail(VIR_ERR_INTERNAL_ERROR, 'failed to set MSR 0x10a')
  else if (call.name === 'connectBaselineCpu' && !host.knows_cpu) call.fail(VIR_ERR_INTERNAL_ERROR, 'Unknown CPU model')
  else call.answer(answers[call.name] ?? {})
}

const capabilities = (): string => `
  <capabilities>
    <host>
      <uuid>x</uuid>
      <cpu>
        <arch>${host.arch}</arch><model>EPYC</model><vendor>AMD</vendor><feature name='vmx'/><feature name='aes'/>
      </cpu>
    </host>
    <guest>
      <os_type>hvm</os_type>
      <arch name='${host.arch}'>${host.types.map((type) => `<domain type='${type}'/>`).join('')}</arch>
    </guest>
  </capabilities>`

async function choose(virt_type: LibvirtDriverOptions['libvirt']['virt_type']): Promise<'kvm' | 'qemu'> {
  const options = { connection_uri: '', virt_type, cpu_mode: 'host-model', wait_soft_reboot_seconds: 1 } as const
  return chooseVirtType(libvirt, await readHostFacts(libvirt), { state_path, libvirt: options })
}

describe('how guests run', () => {
  test('under KVM where a guest has started under it, which is tried once', async () => {
    expect(await choose('auto')).toBe('kvm')
    expect(await choose('kvm')).toBe('kvm')
    expect(trials.length).toBe(1)
    expect(trials[0]).toContain("<domain type='kvm'>")
    expect(trials[0]).toContain("<cpu mode='host-model'")
  })

  test('emulated where libvirt promises KVM and no guest starts under it', async () => {
    host.kvm_works = false
    expect(await choose('auto')).toBe('qemu')
    const refusal = await choose('kvm').catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(DriverError)
    expect((refusal as DriverError).reason).toContain('[libvirt] virt_type = qemu')
    expect(String((refusal as DriverError).cause)).toContain('MSR 0x10a')
    expect(trials.length).toBe(1)
  })

  test('is tried again when QEMU is another', async () => {
    host.kvm_works = false
    expect(await choose('auto')).toBe('qemu')
    Object.assign(host, { kvm_works: true, qemu: 8_000_000n })
    expect(await choose('auto')).toBe('kvm')
    expect(trials.length).toBe(2)
  })

  test('is tried again over a note that makes no sense', async () => {
    await Bun.write(join(state_path, 'virt-type.json'), '{"on":7')
    expect(await choose('auto')).toBe('kvm')
  })

  test('is not tried where it is not in question', async () => {
    expect(await choose('qemu')).toBe('qemu')
    host.types = ['qemu']
    expect(await choose('auto')).toBe('qemu')
    await expect(choose('kvm')).rejects.toThrow('libvirt offers no KVM here')
    host.types = []
    await expect(choose('auto')).rejects.toThrow('libvirt offers no emulation')
    expect(trials).toEqual([])
  })

  test('a libvirt that goes away over the trial proves nothing', async () => {
    const facts = await readHostFacts(libvirt)
    libvirt.close()
    const options = { connection_uri: '', virt_type: 'auto', cpu_mode: 'none', wait_soft_reboot_seconds: 1 } as const
    await expect(chooseVirtType(libvirt, facts, { state_path, libvirt: options })).rejects.toThrow('closed')
    expect(existsSync(join(state_path, 'virt-type.json'))).toBe(false)
  })
})

describe('what a host has', () => {
  test("is told in Nova's form", async () => {
    const facts = await readHostFacts(libvirt)
    const inventory = await readInventory(libvirt, facts, { virt_type: 'qemu', instances_path: state_path })
    expect(inventory).toEqual({
      hypervisor_hostname: 'compute-1.example.org',
      hypervisor_type: 'QEMU',
      hypervisor_version: 7_002_022,
      vcpus: 8,
      memory_mb: 4058,
      local_gb: inventory.local_gb,
      cpu_info: {
        arch: 'x86_64',
        model: 'EPYC',
        vendor: 'AMD',
        topology: { cells: 1, sockets: 2, cores: 2, threads: 2 },
        features: ['aes', 'avx2', 'vmx'],
      },
      supported_instances: [['x86_64', 'qemu', 'hvm']],
    })
    const under_kvm = await readInventory(libvirt, facts, { virt_type: 'kvm', instances_path: state_path })
    expect(under_kvm.supported_instances).toContainEqual(['x86_64', 'kvm', 'hvm'])
  })

  test('names what is special about a processor that libvirt cannot spell out', async () => {
    host.knows_cpu = false
    const { cpu_features } = await readHostFacts(libvirt)
    expect(cpu_features).toEqual(['aes', 'vmx'])
  })

  test('an architecture that no guest can be made for is refused', async () => {
    host.arch = 'aarch64'
    await expect(readHostFacts(libvirt)).rejects.toThrow('this host is aarch64')
  })
})
