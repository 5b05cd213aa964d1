import type { HostRule } from '../../src/contracts/index.ts'

/** IP protocols by the names that Neutron takes, beside numbers. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1, igmp: 2, ipip: 4, tcp: 6, egp: 8, udp: 17, dccp: 33, 'ipv6-encap': 41, 'ipv6-route': 43, 'ipv6-frag': 44,
  rsvp: 46, gre: 47, esp: 50, ah: 51, icmpv6: 58, 'ipv6-icmp': 58, 'ipv6-nonxt': 59, 'ipv6-opts': 60, ospf: 89,
  vrrp: 112, pgm: 113, sctp: 132, udplite: 136,
}
/** Of these the first four bytes are the two port numbers. */
const WITH_PORTS = [6, 17, 33, 132, 136]
const ICMP = 1
const ICMPV6 = 58

/** Names of the sets that hold a remote group's addresses. */
export const groupSet = (id: string, family: 4 | 6): string => `group_${id}_${family}`

/**
 * One security group rule in the words of nftables, as a condition of a frame on a bridge.
 * @returns null for a rule that no packet can meet: a protocol that is none.
 */
export function ruleMatch(rule: HostRule): string | null {
  const family = rule.ethertype === 'IPv4' ? 4 : 6
  const header = family === 4 ? 'ip' : 'ip6'
  const parts = [`ether type ${header}`]
  const remote = rule.direction === 'ingress' ? 'saddr' : 'daddr'
  if (rule.remote_ip_prefix !== null) parts.push(`${header} ${remote} ${rule.remote_ip_prefix}`)
  if (rule.remote_group_id !== null) parts.push(`${header} ${remote} @${groupSet(rule.remote_group_id, family)}`)
  if (rule.protocol === null || rule.protocol === 'any') return parts.join(' ')
  const protocol = protocolNumber(rule.protocol, family)
  if (protocol === null) return null
  return [...parts, `meta l4proto ${protocol}`, ...portMatch(rule, protocol)].join(' ')
}

function protocolNumber(protocol: string, family: 4 | 6): number | null {
  const number = PROTOCOLS[protocol] ?? Number(protocol)
  if (!Number.isInteger(number) || number > 255) return null
  // `icmp` of an IPv6 rule is ICMPv6, as in Neutron.
  return family === 6 && number === ICMP ? ICMPV6 : number
}

function portMatch({ port_range_min: min, port_range_max: max }: HostRule, protocol: number): string[] {
  if (min === null) return []
  if (protocol === ICMP || protocol === ICMPV6) {
    const name = protocol === ICMP ? 'icmp' : 'icmpv6'
    return [`${name} type ${min}`, ...(max === null ? [] : [`${name} code ${max}`])]
  }
  if (!WITH_PORTS.includes(protocol)) return []
  return [max === null || max === min ? `th dport ${min}` : `th dport ${min}-${max}`]
}
