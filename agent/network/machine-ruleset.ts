import type { Layout } from './layout.ts'

/**
 * Between namespaces and the outside, in the machine's own network: guests without a floating IP leave by the host's
 * address; through the machine they reach the outside and nothing else of it. Only with a `public_interface`.
 */
export function machineChains({ domains }: Layout, publicInterface: string | null): string[] {
  const outside = domains.flatMap(({ uplink }) => (uplink ? [`"${uplink.outside}"`] : []))
  if (publicInterface === null || outside.length === 0) return []
  const uplinks = `{ ${outside.join(', ')} }`
  return [
    'chain leaving {',
    'type nat hook postrouting priority srcnat; policy accept',
    `oifname "${publicInterface}" ip saddr 169.254.0.0/16 masquerade`,
    '}',
    'chain passing {',
    'type filter hook forward priority filter; policy accept',
    `iifname ${uplinks} oifname != { "${publicInterface}", ${outside.join(', ')} } drop`,
    `oifname ${uplinks} iifname != { "${publicInterface}", ${outside.join(', ')} } drop`,
    '}',
    'chain to_machine {',
    'type filter hook input priority filter; policy accept',
    `iifname ${uplinks} ct state established,related accept`,
    `iifname ${uplinks} drop`,
    '}',
  ]
}
