import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tapName } from '../../agent/network/names.ts'
import type { HostNetworks, HostPort } from '../../src/contracts/index.ts'
import { newId } from '../../src/kernel/index.ts'
import { type CommandResult, run, runOrThrow } from '../../src/system/index.ts'

/**
 * A network namespace that plays a compute host, with namespaces that play its guests: a pair of devices is a guest's
 * tap and its network card. Nothing of it is connected with the machine's own network.
 */
export interface NetworkLab {
  /** Path of the host's namespace. */
  readonly namespace: string
  readonly directory: string
  /** Runs a command on the host. */
  host(...command: string[]): Promise<string>
  /** Plugs in a guest at the port's tap, with the port's MAC address and no IP address yet. */
  guest(port: Pick<HostPort, 'id' | 'mac_address'>): Promise<LabGuest>
  unplugAll(): Promise<void>
  /** A namespace behind an interface `name` of the host. */
  outside(name: string): Promise<LabGuest>
  /** What is left on the host beside its loopback: interfaces and tables. */
  leftovers(): Promise<string[]>
  remove(): Promise<void>
}

export interface LabGuest {
  readonly namespace: string
  run(...command: string[]): Promise<string>
  try(...command: string[]): Promise<CommandResult>
  /** Runs a program until the lab ends. */
  start(...command: string[]): Promise<void>
  /** Configures `eth0` by hand. */
  address(address: string, gateway?: string): Promise<void>
  /** Asks for an address by DHCP and takes it. @returns what the server said, by udhcpc's names. */
  dhcp(): Promise<Record<string, string>>
  /** Whether a ping is answered. */
  reaches(address: string): Promise<boolean>
  /** What is at a URL, asked for with these headers. @throws {Error} with curl's words, among them the status. */
  fetch(url: string, ...more: string[]): Promise<string>
  unplug(): Promise<void>
}

export async function startNetworkLab(): Promise<NetworkLab> {
  const name = `bunova-lab-${process.pid}-${Math.random().toString(36).slice(2, 7)}`
  const directory = mkdtempSync(join(tmpdir(), `${name}-`))
  await runOrThrow(['chmod', '755', directory])
  const guests: LabGuest[] = []
  const started: Bun.Subprocess[] = []
  await runOrThrow(['ip', 'netns', 'add', name])
  const host = (...command: string[]): Promise<string> => runOrThrow(['ip', 'netns', 'exec', name, ...command])
  await host('ip', 'link', 'set', 'lo', 'up')

  async function plug(interfaceName: string, mac: string | null, more: readonly string[]): Promise<LabGuest> {
    const namespace = `${name}-${guests.length}`
    await runOrThrow(['ip', 'netns', 'add', namespace])
    const address = mac === null ? [] : ['address', mac]
    await host('ip', 'link', 'add', interfaceName, ...more, 'type', 'veth', 'peer', 'name', 'eth0', ...address, 'netns', namespace)
    const guest = labGuest(namespace, directory, interfaceName, host, started)
    guests.push(guest)
    await guest.run('ip', 'link', 'set', 'lo', 'up')
    await guest.run('ip', 'link', 'set', 'eth0', 'up')
    return guest
  }

  return {
    namespace: `/run/netns/${name}`,
    directory,
    host,
    async guest(port) {
      const tap = tapName(port.id)
      const guest = await plug(tap, port.mac_address, [])
      await host('ip', 'link', 'set', tap, 'addrgenmode', 'none', 'up')
      return guest
    },
    async unplugAll() {
      for (const guest of guests) await guest.unplug().catch(() => {})
    },
    async outside(interfaceName) {
      const guest = await plug(interfaceName, null, [])
      await host('ip', 'link', 'set', interfaceName, 'up')
      return guest
    },
    async leftovers() {
      const links = (await host('ip', '-o', 'link', 'show')).split('\n').filter(Boolean)
      const tables = (await host('nft', 'list', 'tables')).split('\n').filter(Boolean)
      return [...links.map((line) => line.split(': ')[1]!).filter((link) => link !== 'lo'), ...tables]
    },
    async remove() {
      for (const child of started) child.kill()
      await Promise.all(started.map((child) => child.exited))
      for (const guest of guests) await run(['ip', 'netns', 'delete', guest.namespace])
      await run(['ip', 'netns', 'delete', name])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function labGuest(
  namespace: string,
  directory: string,
  interfaceName: string,
  host: (...command: string[]) => Promise<string>,
  started: Bun.Subprocess[],
): LabGuest {
  const inside = ['ip', 'netns', 'exec', namespace]
  const guest: LabGuest = {
    namespace,
    run: (...command) => runOrThrow([...inside, ...command]),
    try: (...command) => run([...inside, ...command]),
    async start(...command) {
      started.push(Bun.spawn([...inside, ...command], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' }))
      await Bun.sleep(STARTS_WITHIN_MS)
    },
    async address(address, gateway) {
      await guest.run('ip', 'address', 'replace', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []))
      if (gateway) await guest.run('ip', 'route', 'replace', 'default', 'via', gateway)
    },
    async dhcp() {
      const script = join(directory, `${namespace}.sh`)
      writeFileSync(script, DHCP_SCRIPT, { mode: 0o755 })
      const output = await guest.run('busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-t', '5', '-T', '1', '-O', '121', '-O', 'mtu', '-s', script)
      return Object.fromEntries(
        output.split('\n').filter((line) => line.startsWith('dhcp:')).map((line) => line.slice(5).split(/=(.*)/s) as [string, string]),
      )
    },
    reaches: async (address) => (await guest.try('ping', '-n', '-c', '1', '-W', '1', address)).exitCode === 0,
    fetch: (url, ...more) => guest.run('curl', '-sS', '-f', '--max-time', '5', '--noproxy', '*', ...more, url),
    async unplug() {
      await host('ip', 'link', 'delete', interfaceName)
    },
  }
  return guest
}

/** A program that listens does so by then. */
const STARTS_WITHIN_MS = 200

/** udhcpc calls it with what it was given in its environment. */
const DHCP_SCRIPT = `#!/bin/sh
[ "$1" = bound ] || exit 0
for name in ip mask router dns domain hostname mtu serverid staticroutes lease; do eval "echo dhcp:$name=\\$$name"; done
ip address replace $ip/$mask dev eth0
[ -z "$router" ] || ip route replace default via $router
`

/** A network with one subnet, and nothing else. */
export function labNetwork(over: Partial<HostNetworks['networks'][number]> = {}): HostNetworks['networks'][number] {
  return {
    id: newId(),
    mtu: 1450,
    router_id: null,
    subnets: [labSubnet('10.0.0.0/24', '10.0.0.1')],
    ...over,
  }
}

export function labSubnet(cidr: string, gateway_ip: string | null): HostNetworks['networks'][number]['subnets'][number] {
  const v6 = cidr.includes(':')
  return {
    id: newId(),
    cidr,
    gateway_ip,
    service_ip: gateway_ip,
    enable_dhcp: true,
    dns_nameservers: [],
    host_routes: [],
    ipv6_address_mode: v6 ? 'dhcpv6-stateful' : null,
  }
}

/** A port with an address in each of the network's subnets that `addresses` name, in their order. */
export function labPort(network: HostNetworks['networks'][number], addresses: readonly string[], over: Partial<HostPort> = {}): HostPort {
  const id = newId()
  return {
    id,
    network_id: network.id,
    server_id: newId(),
    mac_address: `fa:16:3e:${id.slice(0, 6).match(/../g)!.join(':')}`,
    admin_state_up: true,
    hostname: '',
    fixed_ips: addresses.map((ip_address, index) => ({ subnet_id: network.subnets[index]!.id, ip_address })),
    port_security_enabled: true,
    allowed_address_pairs: [],
    security_groups: [],
    floating_ips: [],
    ...over,
  }
}

let clock = 0
export function labState(over: Partial<HostNetworks>): HostNetworks {
  return { as_of: ++clock, networks: [], routers: [], ports: [], security_groups: [], remote_groups: [], ...over }
}
