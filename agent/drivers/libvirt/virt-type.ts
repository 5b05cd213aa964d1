import { mkdir } from 'node:fs/promises'
import { release } from 'node:os'
import { dirname, join } from 'node:path'
import { type Static, Type as T } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { isLibvirtError, type Libvirt } from '../../libvirt/index.ts'
import { DriverError } from '../driver.ts'
import { cpu } from './domain-xml.ts'
import type { HostFacts } from './host.ts'
import type { CpuMode, LibvirtDriverOptions } from './options.ts'
import { element, renderXml } from './xml.ts'

const TRIAL_DEADLINE_MS = 60_000
/** The guest ends with the connection that started it. */
const START_AUTODESTROY = 2

/**
 * Decides between KVM and emulation by starting a guest. `/dev/kvm` and libvirt's capabilities are no proof: where
 * virtualisation is nested they promise KVM, and QEMU still dies over a processor register that the outer level does
 * not pass on. The outcome is kept in a file, for as long as libvirt, QEMU, the kernel and `cpu_mode` stay the same.
 *
 * @throws {DriverError} when guests of the configured type cannot run here, with what to do about it.
 */
export async function chooseVirtType(
  libvirt: Libvirt,
  facts: HostFacts,
  options: Pick<LibvirtDriverOptions, 'libvirt' | 'state_path'>,
): Promise<'kvm' | 'qemu'> {
  const { virt_type, cpu_mode } = options.libvirt
  const offered = facts.domain_types.includes('kvm')
  if (virt_type === 'kvm' && !offered) throw unusable('libvirt offers no KVM here')
  if (virt_type !== 'qemu' && offered) {
    const trial = await keptTrial(libvirt, facts, cpu_mode, join(options.state_path, 'virt-type.json'))
    if (trial === null) return 'kvm'
    if (virt_type === 'kvm') throw unusable('a guest does not start under KVM here', new Error(trial))
  }
  if (!facts.domain_types.includes('qemu')) throw unusable('libvirt offers no emulation of x86_64')
  return 'qemu'
}

const unusable = (what: string, cause?: Error): DriverError =>
  new DriverError(`${what}; [libvirt] virt_type = qemu emulates the processor`, { kind: 'unavailable', cause })

/** Why no guest starts under KVM, or null when one does. */
async function keptTrial(libvirt: Libvirt, facts: HostFacts, cpu_mode: CpuMode, path: string): Promise<string | null> {
  const on = [facts.libvirt_version, facts.hypervisor_version, release(), cpu_mode].join(' ')
  const kept: unknown = await Bun.file(path).json().catch(() => null)
  if (Value.Check(Trial, kept) && kept.on === on) return kept.failure
  const failure = await tryGuest(libvirt, cpu_mode)
  await mkdir(dirname(path), { recursive: true })
  await Bun.write(path, JSON.stringify({ on, failure } satisfies Static<typeof Trial>))
  return failure
}

const Trial = T.Object({ on: T.String(), failure: T.Union([T.String(), T.Null()]) })

/** Starts a guest with no disk under KVM, on the processor that guests will get, and ends it. */
async function tryGuest(libvirt: Libvirt, cpu_mode: CpuMode): Promise<string | null> {
  const xml = renderXml(
    element(
      'domain',
      { type: 'kvm' },
      element('name', {}, `bunova-trial-${crypto.randomUUID().slice(0, 8)}`),
      element('memory', { unit: 'MiB' }, 16),
      element('vcpu', {}, 1),
      element('os', {}, element('type', { arch: 'x86_64', machine: 'pc' }, 'hvm')),
      cpu(1, cpu_mode),
    ),
  )
  try {
    const within = { deadline_ms: TRIAL_DEADLINE_MS }
    const { dom } = await libvirt.call('domainCreateXml', { xml, flags: START_AUTODESTROY }, within)
    await libvirt.call('domainDestroyFlags', { dom, flags: 0 }, within)
    return null
  } catch (error) {
    if (isLibvirtError(error)) return error.message
    throw error
  }
}
