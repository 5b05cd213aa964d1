import { statfs } from 'node:fs/promises'
import { BASELINE_EXPAND_FEATURES, isLibvirtError, type Libvirt } from '../../libvirt/index.ts'
import { DriverError, type HostInventory } from '../driver.ts'
import { elements, parseXml, renderXml, textAt, type XmlElement } from './xml.ts'

const GIB = 1024 ** 3
const ARCHITECTURE = 'x86_64'

/** What libvirt says of the host, as far as it stays the same while libvirt runs. */
export interface HostFacts {
  readonly hypervisor_type: string
  /** QEMU's; this and libvirt's as `major * 1,000,000 + minor * 1,000 + release`. */
  readonly hypervisor_version: number
  readonly libvirt_version: number
  readonly capabilities: XmlElement
  /** Of the processor, those that come with its model among them. */
  readonly cpu_features: readonly string[]
  /** Kinds of guests of this host's architecture that libvirt offers, whether they work or not. */
  readonly domain_types: readonly string[]
}

/** @throws {DriverError} when libvirt has no QEMU for this host's architecture. */
export async function readHostFacts(libvirt: Libvirt): Promise<HostFacts> {
  const [type, hypervisor, library, { capabilities: xml }] = await Promise.all([
    libvirt.call('connectGetType', {}),
    libvirt.call('connectGetVersion', {}),
    libvirt.call('connectGetLibVersion', {}),
    libvirt.call('connectGetCapabilities', {}),
  ])
  const capabilities = parseXml(xml)
  const architecture = textAt(capabilities, 'host', 'cpu', 'arch')
  if (architecture !== ARCHITECTURE) {
    throw new DriverError(`guests are made for ${ARCHITECTURE}, and this host is ${architecture}`)
  }
  return {
    cpu_features: await cpuFeatures(libvirt, capabilities),
    hypervisor_type: type.type,
    hypervisor_version: Number(hypervisor.version),
    libvirt_version: Number(library.version),
    capabilities,
    domain_types: offers(capabilities)
      .filter(([arch]) => arch === ARCHITECTURE)
      .map(([, domainType]) => domainType),
  }
}

/** The capabilities name a model and what the processor has beyond that; libvirt spells the model out when it is asked. */
async function cpuFeatures(libvirt: Libvirt, capabilities: XmlElement): Promise<string[]> {
  const [cpu] = elements(capabilities, 'host', 'cpu')
  if (!cpu) return []
  const named = (from: XmlElement): string[] =>
    elements(from, 'feature').flatMap(({ attributes }) => attributes.name ?? []).sort()
  try {
    const xmlCpus = [renderXml(cpu)]
    const expanded = await libvirt.call('connectBaselineCpu', { xmlCpus, flags: BASELINE_EXPAND_FEATURES })
    return [...new Set([...named(parseXml(expanded.cpu)), ...named(cpu)])].sort()
  } catch (error) {
    // One that knows no such processor still says what is special about it.
    if (isLibvirtError(error)) return named(cpu)
    throw error
  }
}

/** `[architecture, hypervisor, mode]` of all guests that libvirt offers to run. */
function offers(capabilities: XmlElement): [string, string, string][] {
  return elements(capabilities, 'guest').flatMap((guest) =>
    elements(guest, 'arch').flatMap((arch) =>
      elements(arch, 'domain').map(({ attributes }): [string, string, string] => [
        arch.attributes.name ?? '',
        attributes.type ?? '',
        textAt(guest, 'os_type') ?? '',
      ]),
    ),
  )
}

/** What the host has, in the form in which Nova's compute service reports it. */
export async function readInventory(
  libvirt: Libvirt,
  facts: HostFacts,
  host: { virt_type: 'kvm' | 'qemu'; instances_path: string },
): Promise<HostInventory> {
  const [{ hostname }, node, disk] = await Promise.all([
    libvirt.call('connectGetHostname', {}),
    libvirt.call('nodeGetInfo', {}),
    statfs(host.instances_path),
  ])
  return {
    hypervisor_hostname: hostname,
    hypervisor_type: facts.hypervisor_type,
    hypervisor_version: facts.hypervisor_version,
    vcpus: node.cpus,
    memory_mb: Number(node.memory / 1024n),
    local_gb: Math.floor((disk.blocks * disk.bsize) / GIB),
    cpu_info: cpuInfo(facts, node),
    supported_instances: offers(facts.capabilities).filter(([, type]) => type !== 'kvm' || host.virt_type === 'kvm'),
  }
}

function cpuInfo(
  { capabilities, cpu_features }: HostFacts,
  { nodes, sockets, cores, threads }: { nodes: number; sockets: number; cores: number; threads: number },
): Record<string, unknown> {
  const cpu = (name: string): string | null => textAt(capabilities, 'host', 'cpu', name)
  return {
    arch: cpu('arch'),
    model: cpu('model'),
    vendor: cpu('vendor'),
    topology: { cells: nodes, sockets, cores, threads },
    features: cpu_features,
  }
}
