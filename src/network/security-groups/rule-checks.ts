import { type Cidr, formatAddress, parseAddress, parseCidr } from '../addresses.ts'
import { failure, invalidInput } from '../failures.ts'
import type { NewSecurityGroupRule, SecurityGroupRule } from './security-groups.store.ts'

/** IANA's numbers of the protocols that have a name here. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  ah: 51,
  dccp: 33,
  egp: 8,
  esp: 50,
  gre: 47,
  icmp: 1,
  icmpv6: 58,
  igmp: 2,
  ipip: 4,
  'ipv6-icmp': 58,
  ospf: 89,
  pgm: 113,
  rsvp: 46,
  sctp: 132,
  tcp: 6,
  udp: 17,
  udplite: 136,
  vrrp: 112,
}
const ICMP = [1, 58]
const WITH_PORTS = [6, 17, 33, 132, 136]

type RuleFields = Omit<NewSecurityGroupRule, 'id' | 'project_id'>

/** @throws {Problem} bad_request for a rule that says nothing, or contradicts itself. */
export function checkedRule(rule: RuleFields): RuleFields {
  const number = protocolNumber(rule.protocol)
  checkRange(rule, number)
  if (rule.remote_ip_prefix !== null && rule.remote_group_id !== null) {
    throw failure(
      'bad_request',
      'SecurityGroupRemoteGroupAndRemoteIpPrefix',
      'Only remote_ip_prefix or remote_group_id may be provided.',
    )
  }
  return { ...rule, remote_ip_prefix: rule.remote_ip_prefix && checkedPrefix(rule.remote_ip_prefix, rule.ethertype) }
}

/** IANA's number of a protocol given by name or number; undefined for any. @throws {Problem} bad_request */
export function protocolNumber(protocol: string | null): number | undefined {
  if (protocol === null) return undefined
  const number = /^\d{1,3}$/.test(protocol) ? Number(protocol) : PROTOCOLS[protocol]
  if (number === undefined || number > 255) {
    throw failure(
      'bad_request',
      'SecurityGroupRuleInvalidProtocol',
      `Security group rule protocol ${protocol} not supported. Only protocol values ` +
        `${Object.keys(PROTOCOLS).join(', ')} and integer representations [0 to 255] are supported.`,
    )
  }
  return number
}

function checkRange({ port_range_min: min, port_range_max: max }: RuleFields, protocol: number | undefined): void {
  if (min === null && max === null) return
  if (protocol === undefined) {
    throw failure(
      'bad_request',
      'SecurityGroupProtocolRequiredWithPorts',
      'Must also specify protocol if port range is given.',
    )
  }
  if (ICMP.includes(protocol)) {
    if (min === null)
      throw invalidRange('ICMP code (port-range-max) is provided but ICMP type (port-range-min) is missing')
    if (min > 255 || (max ?? 0) > 255) throw invalidRange('ICMP type and code must be between 0 and 255')
    return
  }
  if (!WITH_PORTS.includes(protocol)) throw invalidRange('Only TCP, UDP, SCTP, DCCP and UDP-Lite have ports')
  if (min === null || max === null || min < 1 || min > max) {
    throw invalidRange('For TCP/UDP protocols, port_range_min must be <= port_range_max')
  }
}

const invalidRange = (message: string) => failure('bad_request', 'SecurityGroupInvalidPortRange', message)

/** The network in canonical form; a bare address stands for itself. */
function checkedPrefix(text: string, ethertype: 'IPv4' | 'IPv6'): string {
  const cidr = parseCidr(text) ?? hostNetwork(text)
  if (!cidr) throw invalidInput(`'${text}' is neither an address nor a network`)
  if (cidr.version !== (ethertype === 'IPv4' ? 4 : 6)) {
    throw failure(
      'bad_request',
      'SecurityGroupRuleParameterConflict',
      `Conflicting value ethertype ${ethertype} for CIDR ${text}`,
    )
  }
  return `${formatAddress({ version: cidr.version, value: cidr.first })}/${cidr.prefixLength}`
}

function hostNetwork(text: string): Cidr | undefined {
  const address = parseAddress(text)
  if (!address) return undefined
  const prefixLength = address.version === 4 ? 32 : 128
  return { version: address.version, first: address.value, last: address.value, prefixLength }
}

/** Whether two rules of one group allow the same. */
export function sameRule(a: RuleFields, b: SecurityGroupRule): boolean {
  const keys = [
    'direction',
    'ethertype',
    'port_range_min',
    'port_range_max',
    'remote_ip_prefix',
    'remote_group_id',
  ] as const
  return keys.every((key) => a[key] === b[key]) && protocolNumber(a.protocol) === protocolNumber(b.protocol)
}
