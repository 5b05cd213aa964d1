import { describe, expect, test } from 'bun:test'
import type { Instance } from '../../../src/contracts/index.ts'
import { tinyInstance } from '../../../test/support/libvirt-driver.ts'
import { type DomainHost, type DomainParts, domainXml, GUEST_NAMESPACE } from './domain-xml.ts'
import { elements, parseXml, textAt, type XmlElement } from './xml.ts'

const host: DomainHost = {
  host: 'compute-1',
  version: '1.2.3',
  virt_type: 'qemu',
  cpu_mode: 'host-model',
  libvirt_version: 9_000_000,
  disk_cache: 'none',
  vnc: { enabled: true, server_listen: '127.0.0.1' },
}
const files: DomainParts = {
  disks: [{ path: '/instances/disk', format: 'qcow2', device: 'disk', target: 'vda' }],
  nics: [],
  console_log: '/instances/console.log',
}

const domain = (overrides: Partial<Instance> = {}, on: Partial<DomainHost> = {}): XmlElement =>
  parseXml(domainXml(tinyInstance(42, null, overrides), { ...host, ...on }, files))

const vif = {
  port_id: '11111111-1111-4111-8111-111111111111',
  network_id: '22222222-2222-4222-8222-222222222222',
  network_label: 'private',
  mac_address: 'fa:16:3e:00:00:01',
  mtu: 1450,
  fixed_ips: ['10.0.0.5', 'fd00::5'].map((ip_address) => ({
    subnet_id: '33333333-3333-4333-8333-333333333333',
    ip_address,
    prefix_length: 24,
    gateway_ip: null,
  })),
}

describe('the domain of a guest', () => {
  test('has the names, size and files of its instance', () => {
    const xml = domain({ server_id: '44444444-4444-4444-8444-444444444444' })
    expect(textAt(xml, 'name')).toBe('instance-0000002a')
    expect(textAt(xml, 'uuid')).toBe('44444444-4444-4444-8444-444444444444')
    expect([textAt(xml, 'memory'), textAt(xml, 'vcpu')]).toEqual([`${16 * 1024}`, '1'])
    const device = (...path: string[]) => elements(xml, 'devices', ...path)[0]?.attributes
    expect(device('disk', 'source')).toEqual({ file: '/instances/disk' })
    expect(device('disk', 'driver')).toEqual({ name: 'qemu', type: 'qcow2', cache: 'none' })
    expect(device('serial', 'log')).toEqual({ file: files.console_log, append: 'on' })
  })

  test('says to whom it belongs, and on which host', () => {
    const metadata = elements(domain({ name: `</nova:name> & 'co'`, vifs: [vif] }), 'metadata')[0] as XmlElement
    expect(textAt(metadata, 'nova:instance', 'nova:name')).toBe(`</nova:name> & 'co'`)
    expect(textAt(metadata, 'nova:instance', 'nova:creationTime')).toBe('2026-01-01 00:00:00')
    const addresses = elements(metadata, 'nova:instance', 'nova:ports', 'nova:port', 'nova:ip')
    expect(addresses.map((address) => address.attributes)).toEqual([
      { type: 'fixed', address: '10.0.0.5', ipVersion: '4' },
      { type: 'fixed', address: 'fd00::5', ipVersion: '6' },
    ])
    expect(elements(metadata, 'bunova:guest')[0]?.attributes).toEqual({
      'xmlns:bunova': GUEST_NAMESPACE,
      host: 'compute-1',
    })
  })

  test("has no network card where the host has no network, so that it is not on the host's own", () => {
    const xml = domainXml(tinyInstance(42, null, { vifs: [vif] }), host, files)
    expect(xml).not.toContain('<interface')
    expect(xml).not.toContain("type='user'")
  })

  test('bounds the memory for translated code when it is emulated, where libvirt can say so', () => {
    const cache = (on: Partial<DomainHost>, memory_mb = 16): string | null => {
      const { flavor } = tinyInstance(42, null)
      return textAt(domain({ flavor: { ...flavor, memory_mb } }, on), 'features', 'tcg', 'tb-cache')
    }
    expect([cache({}), cache({}, 512), cache({}, 65_536)]).toEqual(['32', '128', '256'])
    expect(cache({ libvirt_version: 7_000_000 })).toBeNull()
    expect(cache({ virt_type: 'kvm' })).toBeNull()
  })

  test('gets the clock of a real machine under KVM only', () => {
    const timers = (xml: XmlElement): number => elements(xml, 'clock', 'timer').length
    expect([timers(domain()), timers(domain({}, { virt_type: 'kvm' }))]).toEqual([0, 3])
  })

  test('gets the processor that is configured, and a screen where there are screens', () => {
    const mode = (cpu_mode: DomainHost['cpu_mode']) => elements(domain({}, { cpu_mode }), 'cpu')[0]?.attributes.mode
    expect(mode('host-model')).toBe('host-model')
    expect(mode('host-passthrough')).toBe('host-passthrough')
    expect(mode('none')).toBeUndefined()
    const screens = (enabled: boolean): number =>
      elements(domain({}, { vnc: { enabled, server_listen: '127.0.0.1' } }), 'devices', 'graphics').length
    expect([screens(true), screens(false)]).toEqual([1, 0])
  })
})
