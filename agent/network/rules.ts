import type { HostRule } from '../../src/contracts/index.ts'

/** Of these the first four bytes are the two port numbers. */
const WITH_PORTS = [6, 17, 33, 132, 136]
/** By number: names are looked up in /etc/protocols, which a small system lacks. */
export const ICMP = 1
export const ICMPV6 = 58

/** Names of the sets that hold a remote group's addresses. */
export const groupSet = (id: string, family: 4 | 6): string => `group_${id}_${family}`

/** One security group rule in the words of nftables, as a condition of a frame on a bridge. */
export function ruleMatch(rule: HostRule): string {
  const family = rule.ethertype === 'IPv4' ? 4 : 6
  const header = family === 4 ? 'ip' : 'ip6'
  const parts = [`ether type ${header}`]
  const remote = rule.direction === 'ingress' ? 'saddr' : 'daddr'
  if (rule.remote_ip_prefix !== null) parts.push(`${header} ${remote} ${rule.remote_ip_prefix}`)
  if (rule.remote_group_id !== null) parts.push(`${header} ${remote} @${groupSet(rule.remote_group_id, family)}`)
  if (rule.protocol === null) return parts.join(' ')
  // `icmp` of an IPv6 rule is ICMPv6, as in Neutron.
  const protocol = family === 6 && rule.protocol === ICMP ? ICMPV6 : rule.protocol
  return [...parts, `meta l4proto ${protocol}`, ...portMatch(rule, protocol)].join(' ')
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
