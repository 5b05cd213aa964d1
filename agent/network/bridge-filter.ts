import { existsSync, writeFileSync } from 'node:fs'

const SWITCHES = '/proc/sys/net/bridge'

/**
 * Sees to it that bridges can show their frames to connection tracking. Loading the module for that turns it on for every
 * bridge of the machine, others' too: where it was not loaded, it is turned off again for those that do not ask.
 * @returns why it cannot be had, or null.
 */
export function provideBridgeFilter(): string | null {
  if (existsSync(SWITCHES)) return null
  const modprobe = Bun.which('modprobe', { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` })
  if (modprobe) Bun.spawnSync([modprobe, 'br_netfilter'])
  if (!existsSync(SWITCHES)) return 'the kernel has no br_netfilter'
  for (const name of ['arptables', 'iptables', 'ip6tables']) writeFileSync(`${SWITCHES}/bridge-nf-call-${name}`, '0')
  return null
}
