import { isIPv6 } from 'node:net'
import type { Vif } from '../../src/contracts/index.ts'

type Json = Record<string, unknown>

/**
 * `network_data.json`: the guest's links, and the addresses on them, as cloud-init configures them. IPv4 addresses come
 * by DHCP on every network; IPv6 ones are written out.
 */
export function networkData(vifs: readonly Vif[]): Json {
  const links = vifs.map((vif) => ({
    id: `tap${vif.port_id.slice(0, 11)}`,
    vif_id: vif.port_id,
    type: 'bridge',
    mtu: vif.mtu,
    ethernet_mac_address: vif.mac_address,
  }))
  const networks = vifs
    .flatMap((vif, index) => addressed(vif).map((fixed) => ({ vif, fixed, link: links[index]!.id })))
    .map(({ vif, fixed, link }, number) => {
      const common = { id: `network${number}`, link, network_id: vif.network_id }
      return isIPv6(fixed.ip_address) ? { ...common, ...staticIpv6(fixed) } : { ...common, type: 'ipv4_dhcp' }
    })
  return { links, networks, services: [] }
}

type FixedIp = Vif['fixed_ips'][number]

/** The first address of each family, as Nova tells of no more than these. */
function addressed({ fixed_ips }: Vif): FixedIp[] {
  const first = (six: boolean): FixedIp | undefined => fixed_ips.find(({ ip_address }) => isIPv6(ip_address) === six)
  return [first(false), first(true)].filter((fixed) => fixed !== undefined)
}

function staticIpv6({ ip_address, prefix_length, gateway_ip }: FixedIp): Json {
  const everywhere = { network: '::', netmask: '::' }
  return {
    type: 'ipv6',
    ip_address,
    netmask: netmask(prefix_length),
    routes: gateway_ip === null ? [] : [{ ...everywhere, gateway: gateway_ip }],
    services: [],
  }
}

/** `ffff:ffff:ffff:ffff::` for 64. */
export function netmask(prefix_length: number): string {
  const groups = Array.from({ length: 8 }, (_, group) => {
    const bits = Math.min(16, Math.max(0, prefix_length - group * 16))
    return (0xffff << (16 - bits)) & 0xffff
  })
  const text = groups.map((group) => group.toString(16)).join(':')
  return text.replace(/(^|:)0(:0)*$/, '::')
}
