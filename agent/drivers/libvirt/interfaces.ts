import type { Vif } from '../../../src/contracts/index.ts'
import { AFFECT_CONFIG, AFFECT_LIVE, type Domain, XML_INACTIVE, XML_SECURE } from '../../libvirt/index.ts'
import { DriverError } from '../driver.ts'
import { nicElement } from './domain-devices.ts'
import type { Hypervisor, Nics } from './hypervisor.ts'
import { ended } from './lifecycle.ts'
import { elements, parseXml, renderXml, type XmlElement } from './xml.ts'

const POLL_MS = 100

type Interfaces = Pick<Hypervisor, 'libvirt' | 'slow' | 'guests' | 'nics' | 'options' | 'clock'>

/** The driver's `attachInterface`. */
export async function attachInterface(host: Interfaces, dom: Domain, vif: Vif): Promise<void> {
  const { libvirt, slow, guests } = host
  const nics = withNetwork(host)
  const state = await guests.state(dom)
  const flags = [AFFECT_CONFIG, ...(ended(state) ? [] : [AFFECT_LIVE])]
  const place = await nics.plug(dom.uuid, vif)
  const xml = renderXml(nicElement({ vif, ...place }, await modelOf(libvirt, dom)))
  for (const flag of flags) {
    if (await nicOf(host, dom, flag, place.tap)) continue
    await slow.call('domainAttachDeviceFlags', { dom, xml, flags: flag })
  }
}

/** The driver's `detachInterface`. The definition goes last: what fails before it is found again by the next try. */
export async function detachInterface(host: Interfaces, dom: Domain, portId: string): Promise<void> {
  const { slow, guests } = host
  const tap = withNetwork(host).tapOf(portId)
  if (!ended(await guests.state(dom))) await detachLive(host, dom, tap)
  const nic = await nicOf(host, dom, AFFECT_CONFIG, tap)
  if (nic) await slow.call('domainDetachDeviceFlags', { dom, xml: renderXml(nic), flags: AFFECT_CONFIG })
}

async function detachLive(host: Interfaces, dom: Domain, tap: string): Promise<void> {
  const { slow, clock, options } = host
  const { attempts, timeout_s } = options.detach
  // A guest that boots does not answer, so it is asked again.
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const nic = await nicOf(host, dom, AFFECT_LIVE, tap)
    if (!nic) return
    await slow.call('domainDetachDeviceFlags', { dom, xml: renderXml(nic), flags: AFFECT_LIVE })
    // The guest has a say: its driver must let go of the card first.
    for (const until = clock.now() + timeout_s * 1000; clock.now() < until; await clock.sleep(POLL_MS)) {
      if (!(await nicOf(host, dom, AFFECT_LIVE, tap))) return
    }
  }
  throw new DriverError('The guest does not let go of its network card.')
}

/** As the running guest has it, or as its definition says; null where it is not. */
async function nicOf({ libvirt }: Interfaces, dom: Domain, where: number, tap: string): Promise<XmlElement | null> {
  const flags = where === AFFECT_LIVE ? XML_SECURE : XML_SECURE | XML_INACTIVE
  const { xml } = await libvirt.call('domainGetXmlDesc', { dom, flags })
  const found = elements(parseXml(xml), 'devices', 'interface').find(
    (nic) => elements(nic, 'target')[0]?.attributes.dev === tap,
  )
  return found ?? null
}

function withNetwork({ nics }: Interfaces): Nics {
  if (nics) return nics
  throw new DriverError('The host has no network for its guests.', { kind: 'unsupported' })
}

/** A card like those that the guest has already, or the one that every Linux has a driver for. */
async function modelOf(libvirt: Hypervisor['libvirt'], dom: Domain): Promise<string> {
  const { xml } = await libvirt.call('domainGetXmlDesc', { dom, flags: XML_SECURE })
  return elements(parseXml(xml), 'devices', 'interface', 'model')[0]?.attributes.type ?? 'virtio'
}

