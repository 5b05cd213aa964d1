import type { HostNetworks, HostPort } from '../../src/contracts/index.ts'
import { hexAddress, isV4, linkLocal } from './addresses.ts'
import { type Layout, METADATA_V4, METADATA_V6, tapsOf } from './layout.ts'
import { machineChains } from './machine-ruleset.ts'
import { groupSet, ruleMatch } from './rules.ts'

/** Bits of a frame's mark, between the hook that sees its connection and those that see its ports. */
const REPLY = '0x1'
const INVALID = '0x2'
/** Never sent by a guest: it is the network that routes. Redirects and router advertisements. */
const ROUTER_MESSAGES = '{ nd-router-advert, nd-redirect }'
/** Without these there is no IPv6 at all: neighbours, routers, and who listens to which group. */
const NEIGHBOUR_MESSAGES =
  '{ nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }'

export interface RulesetOptions {
  readonly table: string
  readonly public_interface: string | null
  /** Interfaces on our bridges that belong to no port: nothing passes. */
  readonly strangers?: readonly string[]
}

/**
 * All that decides which frames pass between guests and their networks, as one transaction for `nft -f`: the tables
 * are replaced whole, so there is no moment with half of the rules.
 *
 * Frames are matched on the bridge, where both their ports are known. What connection they belong to is known to the
 * IP layer's connection tracking only, which sees them because the bridges ask for it (`nf_call_iptables`); the bridge's
 * own (`nf_conntrack_bridge`) is missing from many kernels. So an `inet` chain leaves a mark on each frame for the
 * bridge's chains to read.
 *
 * Answers follow the connection they belong to; what begins a connection is matched against the rules with each packet,
 * not only its first. So a rule that is taken away ends the connections that it had let through.
 */
export function ruleset(state: HostNetworks, layout: Layout, options: RulesetOptions): string {
  const { table, public_interface, strangers = [] } = options
  const segments = layout.domains.flatMap((domain) => domain.segments)
  const taps = [...tapsOf(layout)]
  const groups = new Set(state.security_groups.map(({ id }) => id))
  const lines = [
    ...removal(table),
    `table inet ${table} {`,
    ...connectionChains(segments.map(({ bridge, zone }) => ({ bridge, zone }))),
    ...machineChains(layout, public_interface),
    '}',
    `table bridge ${table} {`,
    ...state.remote_groups.flatMap(addressSets),
    ...state.security_groups.flatMap(groupChains),
    ...taps.flatMap(([tap, port]) => portChains(tap, port, groups)),
    ...chain('from', 'filter hook prerouting priority dstnat', [
      'meta mark set meta mark & 0xfffffffc',
      ...verdicts('iifname', [...taps.map(([tap]) => `"${tap}" : jump from_${tap}`), ...strangers.map(dropped)]),
    ]),
    // A guest has no business with the machine itself, whose bridge it is.
    ...chain('machine', 'filter hook input priority filter', [
      ...verdicts('iifname', [...taps.map(([tap]) => tap), ...segments.map((each) => each.gatewayPort)].map(dropped)),
    ]),
    // Two chains on one hook: what the first lets go, the second still looks at.
    ...chain('egress', 'filter hook forward priority filter', [
      ...verdicts('iifname', taps.map(([tap]) => `"${tap}" : jump out_${tap}`)),
    ]),
    ...chain('ingress', 'filter hook forward priority filter + 1', [
      ...verdicts('oifname', [...taps.map(([tap]) => `"${tap}" : jump in_${tap}`), ...strangers.map(dropped)]),
    ]),
    '}',
  ]
  return `${lines.join('\n')}\n`
}

/** A table is made before it is deleted, since deleting one that is not there fails. */
export const removal = (table: string): string[] =>
  ['inet', 'bridge'].flatMap((family) => [`table ${family} ${table} {`, '}', `delete table ${family} ${table}`])

function connectionChains(bridges: readonly { bridge: string; zone: number }[]): string[] {
  const zones = bridges.map(({ bridge, zone }) => `"${bridge}" : ${zone}`)
  return [
    ...chain('zones', 'filter hook prerouting priority raw', zones.length === 0 ? [] : [`ct zone set iifname map { ${zones.join(', ')} }`]),
    ...chain('bridged', null, [
      `ct state invalid meta mark set meta mark | ${INVALID} return`,
      `ct state established ct direction reply meta mark set meta mark | ${REPLY}`,
      `ct state related meta mark set meta mark | ${REPLY}`,
    ]),
    ...chain('connections', 'filter hook prerouting priority mangle', [
      ...verdicts('iifname', bridges.map(({ bridge }) => `"${bridge}" : jump bridged`)),
    ]),
  ]
}

function addressSets({ id, addresses }: HostNetworks['remote_groups'][number]): string[] {
  const [v4, v6] = [addresses.filter(isV4), addresses.filter((address) => !isV4(address))]
  const set = (family: 4 | 6, own: readonly string[]): string[] => [
    `set ${groupSet(id, family)} {`,
    `type ${family === 4 ? 'ipv4_addr' : 'ipv6_addr'}; flags interval; auto-merge`,
    ...(own.length === 0 ? [] : [`elements = { ${own.join(', ')} }`]),
    '}',
  ]
  return [...set(4, v4), ...set(6, v6)]
}

/** One chain for each direction of a group, which all ports in it share. */
function groupChains({ id, rules }: HostNetworks['security_groups'][number]): string[] {
  const of = (direction: 'ingress' | 'egress'): string[] =>
    rules.filter((rule) => rule.direction === direction).map((rule) => `${ruleMatch(rule)} accept`)
  return [
    ...chain(`group_${id}_in`, null, [...new Set(of('ingress'))]),
    ...chain(`group_${id}_out`, null, [...new Set(of('egress'))]),
  ]
}

function portChains(tap: string, port: HostPort, groups: ReadonlySet<string>): string[] {
  const from = (rules: string[]): string[] => chain(`from_${tap}`, null, rules)
  if (!port.admin_state_up) return [...from(['drop']), ...chain(`out_${tap}`, null, ['drop']), ...chain(`in_${tap}`, null, ['drop'])]
  if (!port.port_security_enabled) return [...from(metadataGuard(port)), ...chain(`out_${tap}`, null, []), ...chain(`in_${tap}`, null, [])]
  const jumps = (direction: 'in' | 'out'): string[] =>
    port.security_groups.filter((id) => groups.has(id)).map((id) => `jump group_${id}_${direction}`)
  return [
    ...from(antiSpoofing(port)),
    ...chain(`out_${tap}`, null, [
      'ether type arp accept',
      `meta mark & ${REPLY} != 0 accept`,
      `meta mark & ${INVALID} != 0 drop`,
      'ether type ip udp sport 68 udp dport 67 accept',
      'ether type ip6 udp sport 546 udp dport 547 accept',
      `icmpv6 type ${NEIGHBOUR_MESSAGES} accept`,
      `ip daddr ${METADATA_V4} tcp dport 80 accept`,
      `ip6 daddr ${METADATA_V6} tcp dport 80 accept`,
      ...jumps('out'),
      'drop',
    ]),
    ...chain(`in_${tap}`, null, [
      'ether type arp accept',
      `meta mark & ${REPLY} != 0 accept`,
      `meta mark & ${INVALID} != 0 drop`,
      'ether type ip udp sport 67 udp dport 68 accept',
      'ether type ip6 udp sport 547 udp dport 546 accept',
      `icmpv6 type ${NEIGHBOUR_MESSAGES} accept`,
      ...jumps('in'),
      'drop',
    ]),
  ]
}

/** MAC and IP addresses that a guest may send from: its own, and those that its port allows beside them. */
function senders({ mac_address, fixed_ips, allowed_address_pairs }: HostPort): { v4: string[][]; v6: string[][]; macs: string[] } {
  const macs = [...new Set([mac_address, ...allowed_address_pairs.map((pair) => pair.mac_address)])]
  const own = fixed_ips.map(({ ip_address }) => [mac_address, ip_address])
  const allowed = allowed_address_pairs.map((pair) => [pair.mac_address, pair.ip_address])
  const all = [...own, ...allowed]
  return {
    macs,
    v4: all.filter(([, ip]) => isV4(ip!)),
    v6: [...all.filter(([, ip]) => !isV4(ip!)), ...macs.map((mac) => [mac, linkLocal(mac)])],
  }
}

function antiSpoofing(port: HostPort): string[] {
  const { v4, v6, macs } = senders(port)
  const pair = ([mac, ip]: string[]): string => `ether saddr ${mac} ip saddr ${ip}`
  const single = v6.map(([, ip]) => ip!).filter((ip) => !ip.includes('/') && !ip.includes('.'))
  const anyTarget = v6.some(([, ip]) => ip!.includes('/'))
  return [
    ...metadataGuard(port),
    ...v4.map(([mac, ip]) => `ether saddr ${mac} arp saddr ether ${mac} arp saddr ip ${ip} accept`),
    // Who asks whether an address is free has none yet.
    ...macs.map((mac) => `ether saddr ${mac} arp saddr ether ${mac} arp saddr ip 0.0.0.0 accept`),
    'ether type arp drop',
    'ether type ip udp sport 67 udp dport 68 drop',
    'ether type ip6 udp sport 547 udp dport 546 drop',
    `icmpv6 type ${ROUTER_MESSAGES} drop`,
    // An advertisement may only speak of an address that is the sender's.
    ...(anyTarget ? [] : [`icmpv6 type nd-neighbor-advert @th,64,128 != { ${single.map((ip) => `0x${hexAddress(ip)}`).join(', ')} } drop`]),
    ...v4.map((sender) => `${pair(sender)} accept`),
    ...macs.map((mac) => `ether saddr ${mac} ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept`),
    ...v6.map(([mac, ip]) => `ether saddr ${mac} ip6 saddr ${ip} accept`),
    ...macs.map((mac) => `ether saddr ${mac} ip6 saddr :: icmpv6 type { nd-neighbor-solicit, mld-listener-report, mld2-listener-report } accept`),
    'drop',
  ]
}

/** The metadata service knows a guest by its address: here even one without port security has only its own. */
function metadataGuard({ mac_address, fixed_ips }: HostPort): string[] {
  const own = fixed_ips.map(({ ip_address }) => ip_address)
  const v4 = own.filter(isV4)
  const v6 = [linkLocal(mac_address), ...own.filter((ip) => !isV4(ip))]
  return [
    v4.length === 0
      ? `ip daddr ${METADATA_V4} drop`
      : `ip daddr ${METADATA_V4} ip saddr != { ${v4.join(', ')} } drop`,
    `ip6 daddr ${METADATA_V6} ip6 saddr != { ${v6.join(', ')} } drop`,
  ]
}

const dropped = (name: string): string => `"${name}" : drop`

const verdicts = (key: string, entries: readonly string[]): string[] =>
  entries.length === 0 ? [] : [`${key} vmap { ${entries.join(', ')} }`]

/** @param hook `filter hook …` of a base chain, null of one that others jump to. */
function chain(name: string, hook: string | null, rules: readonly string[]): string[] {
  return [`chain ${name} {`, ...(hook === null ? [] : [`type ${hook}; policy accept`]), ...rules, '}']
}
