import { isV4 } from './addresses.ts'
import { type Domain, METADATA_V4, METADATA_V6 } from './layout.ts'
import { ICMP, ICMPV6 } from './rules.ts'

const TABLE = 'bunova'

/**
 * What a network's own namespace does with packets: addresses are translated on their way out and back, and of its
 * services guests reach those that are for them. One transaction, as `ruleset`.
 */
export function domainRuleset({ segments, uplink }: Domain): string {
  const gateways = segments.map(({ gateway }) => `"${gateway}"`).join(', ')
  const floating = (uplink?.floating ?? []).filter(({ floating_ip, fixed_ip }) => isV4(floating_ip) && isV4(fixed_ip))
  const lines = [
    `table inet ${TABLE} {`, '}', `delete table inet ${TABLE}`,
    `table inet ${TABLE} {`,
    'chain services {',
    'type filter hook input priority filter; policy drop',
    'iifname "lo" accept',
    'ct state established,related accept',
    `meta l4proto { ${ICMP}, ${ICMPV6} } accept`,
    `iifname { ${gateways} } udp dport { 53, 67, 547 } accept`,
    `iifname { ${gateways} } tcp dport 53 accept`,
    // By any other of the gateway's addresses the guards against false senders would be passed by.
    `iifname { ${gateways} } ip daddr ${METADATA_V4} tcp dport 80 accept`,
    `iifname { ${gateways} } ip6 daddr ${METADATA_V6} tcp dport 80 accept`,
    '}',
    ...(uplink ? uplinkChains(uplink, floating) : []),
    '}',
  ]
  return `${lines.join('\n')}\n`
}

function uplinkChains(
  { inside, insideAddress, snat }: NonNullable<Domain['uplink']>,
  floating: readonly { readonly floating_ip: string; readonly fixed_ip: string }[],
): string[] {
  const map = (key: 'floating_ip' | 'fixed_ip', value: 'floating_ip' | 'fixed_ip'): string =>
    `map { ${floating.map((each) => `${each[key]} : ${each[value]}`).join(', ')} }`
  return [
    'chain inbound {',
    'type nat hook prerouting priority dstnat; policy accept',
    // From anywhere: a guest reaches another's floating IP, and its own, as the world does.
    ...(floating.length > 0 ? [`dnat ip to ip daddr ${map('floating_ip', 'fixed_ip')}`] : []),
    '}',
    'chain outbound {',
    'type nat hook postrouting priority srcnat; policy accept',
    ...(floating.length > 0
      ? [
          `oifname "${inside}" snat ip to ip saddr ${map('fixed_ip', 'floating_ip')}`,
          // Through the gateway and back: without it the answer would go straight to the asker, from an unknown address.
          `oifname != "${inside}" ct status dnat snat ip to ip saddr ${map('fixed_ip', 'floating_ip')}`,
        ]
      : []),
    ...(snat ? [`oifname "${inside}" meta nfproto ipv4 snat ip to ${insideAddress}`] : []),
    '}',
    'chain passing {',
    'type filter hook forward priority filter; policy accept',
    `iifname "${inside}" ct state new ct status & dnat == 0 drop`,
    'ct state invalid drop',
    // The machine's own links are nobody's destination.
    `oifname "${inside}" ip daddr 169.254.0.0/16 drop`,
    '}',
  ]
}
