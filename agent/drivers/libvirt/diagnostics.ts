import type { Diagnostics } from '../../../src/contracts/index.ts'
import { type Domain, STATS_ALL, XML_SECURE } from '../../libvirt/index.ts'
import type { Hypervisor } from './hypervisor.ts'
import { elements, parseXml, type XmlElement } from './xml.ts'

const KIB_PER_MIB = 1024

/** The driver's `diagnostics`: libvirt's figures in Nova's words. */
export async function diagnose(
  { libvirt, guests, host }: Pick<Hypervisor, 'libvirt' | 'guests' | 'host'>,
  dom: Domain,
): Promise<Diagnostics> {
  const [{ records }, { xml }, state] = await Promise.all([
    libvirt.call('connectGetAllDomainStats', { domains: [dom], stats: STATS_ALL, flags: 0 }),
    libvirt.call('domainGetXmlDesc', { dom, flags: XML_SECURE }),
    guests.state(dom),
  ])
  const figures = new Map((records[0]?.params ?? []).map(({ field, value }) => [field, value.value]))
  const amount = (name: string): number | null => {
    const value = figures.get(name)
    return value === undefined ? null : Number(value)
  }
  const mib = (name: string): number | null => {
    const kib = amount(name)
    return kib === null ? null : Math.round(kib / KIB_PER_MIB)
  }
  const count = (group: string): number[] => Array.from({ length: amount(`${group}.count`) ?? 0 }, (_, index) => index)
  const domain = parseXml(xml)
  return {
    state,
    driver: 'libvirt',
    hypervisor: host.virt_type,
    hypervisor_os: 'linux',
    // libvirt does not know since when QEMU runs.
    uptime_s: null,
    config_drive: elements(domain, 'devices', 'disk', 'source').some(({ attributes }) =>
      /\/disk\.config(\.rescue)?$/.test(attributes.file ?? ''),
    ),
    memory: { maximum_mb: mib('balloon.maximum') ?? 0, used_mb: mib('balloon.current') },
    cpus: Array.from({ length: amount('vcpu.current') ?? 0 }, (_, id) => ({
      id,
      time_ns: amount(`vcpu.${id}.time`),
      utilisation_percent: null,
    })),
    nics: count('net').map((index) => {
      const device = String(figures.get(`net.${index}.name`) ?? '')
      const figure = (name: string): number | null => amount(`net.${index}.${name}`)
      return {
        device,
        mac_address: macOf(domain, device),
        rx_octets: figure('rx.bytes'),
        rx_packets: figure('rx.pkts'),
        rx_errors: figure('rx.errs'),
        rx_drop: figure('rx.drop'),
        tx_octets: figure('tx.bytes'),
        tx_packets: figure('tx.pkts'),
        tx_errors: figure('tx.errs'),
        tx_drop: figure('tx.drop'),
      }
    }),
    disks: count('block').map((index) => ({
      device: String(figures.get(`block.${index}.name`) ?? ''),
      read_bytes: amount(`block.${index}.rd.bytes`),
      read_requests: amount(`block.${index}.rd.reqs`),
      write_bytes: amount(`block.${index}.wr.bytes`),
      write_requests: amount(`block.${index}.wr.reqs`),
      errors: null,
    })),
  }
}

function macOf(domain: XmlElement, device: string): string {
  const nic = elements(domain, 'devices', 'interface').find(
    (each) => elements(each, 'target')[0]?.attributes.dev === device,
  )
  return (nic && elements(nic, 'mac')[0]?.attributes.address) ?? ''
}
