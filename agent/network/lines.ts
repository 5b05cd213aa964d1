import { isV4 } from './addresses.ts'
import type { Shell, Where } from './shell.ts'

/**
 * Addresses, routes and neighbours as lines, so that what should be and what is can be compared as sets:
 *
 *     device gw3f2a mtu 1450
 *     address 10.0.0.1/16 dev gw3f2a
 *     route 10.1.0.0/16 via 10.0.0.9 dev gw3f2a
 *     neighbour 10.0.0.5 lladdr fa:16:3e:00:00:01 dev gw3f2a
 *     proxy 203.0.113.7 dev eth1
 */
const KINDS = ['device', 'address', 'route', 'neighbour', 'proxy'] as const

/** Marks our routes and proxies among others' in the machine's own network; a number that no routing daemon has. */
const PROTOCOL = 186

export interface Difference {
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

/** What takes `present` to `wanted`; additions in the order in which they depend on each other. */
export function difference(present: Iterable<string>, wanted: readonly string[]): Difference {
  const [have, want] = [new Set(present), new Set(wanted)]
  const rank = (line: string): number => (KINDS as readonly string[]).indexOf(line.split(' ')[0]!)
  return {
    add: [...want].filter((line) => !have.has(line)).toSorted((a, b) => rank(a) - rank(b)),
    remove: [...have].filter((line) => !want.has(line)).toSorted((a, b) => rank(b) - rank(a)),
  }
}

/** Makes the difference. What is to go may be gone already. */
export async function apply(shell: Shell, where: Where, { add, remove }: Difference): Promise<void> {
  const going = remove.flatMap(removal)
  if (going.length > 0) await shell.run(where, ['ip', '-force', '-batch', '-'], `${going.join('\n')}\n`).catch(() => {})
  await shell.ip(where, add.map(addition))
}

function addition(line: string): string {
  const [kind, subject = '', ...rest] = line.split(' ')
  const more = rest.join(' ')
  switch (kind) {
    case 'device':
      return `link set ${subject} ${more} up`
    case 'address':
      // Nobody else can have it, so there is nothing to detect, and it serves at once.
      return `address replace ${subject} ${more}${isV4(subject) ? '' : ' nodad'}`
    case 'route':
      return `${isV4(subject) || subject === 'default' ? '' : '-6 '}route replace ${subject} ${more} protocol ${PROTOCOL}`
    case 'neighbour':
      return `neighbour replace ${subject} ${more} nud permanent`
    default:
      return `neighbour replace proxy ${subject} ${more} protocol ${PROTOCOL}`
  }
}

function removal(line: string): string[] {
  const [kind, subject = '', ...rest] = line.split(' ')
  switch (kind) {
    case 'address':
      return [`address delete ${subject} ${rest.join(' ')}`]
    case 'route':
      return [`route delete ${subject} ${rest.join(' ')}`]
    case 'neighbour':
      return [`neighbour delete ${subject} ${rest.slice(-2).join(' ')}`]
    case 'proxy':
      return [`neighbour delete proxy ${subject} ${rest.join(' ')}`]
    default:
      return []
  }
}

/** The lines of a namespace that is ours altogether. */
export async function namespaceLines(shell: Shell, namespace: string): Promise<string[]> {
  const [devices, v4, v6, neighbours] = await Promise.all([
    shell.query(namespace, 'address', 'show'),
    shell.query(namespace, 'route', 'show', 'protocol', String(PROTOCOL)),
    shell.query(namespace, '-6', 'route', 'show', 'protocol', String(PROTOCOL)),
    shell.query(namespace, 'neighbour', 'show', 'nud', 'permanent'),
  ])
  return [
    ...devices.flatMap(deviceLines),
    ...[...v4, ...v6].map(routeLine),
    ...neighbours.map(({ dst, lladdr, dev }) => `neighbour ${dst} lladdr ${lladdr} dev ${dev}`),
  ]
}

/** Those lines of the machine's own network that are ours: addresses on `devices`, and what bears our mark. */
export async function machineLinesPresent(shell: Shell, devices: ReadonlySet<string>): Promise<string[]> {
  const [links, routes, proxies] = await Promise.all([
    shell.query(null, 'address', 'show'),
    shell.query(null, 'route', 'show', 'protocol', String(PROTOCOL)),
    shell.query(null, 'neighbour', 'show', 'proxy', 'protocol', String(PROTOCOL)),
  ])
  return [
    ...links.filter(({ ifname }) => devices.has(String(ifname))).flatMap(deviceLines).filter((line) => line.startsWith('address ')),
    ...routes.map(routeLine),
    ...proxies.map(({ dst, dev }) => `proxy ${dst} dev ${dev}`),
  ]
}

function deviceLines(device: Record<string, unknown>): string[] {
  const { ifname, mtu, flags, addr_info = [] } = device as {
    ifname: string
    mtu: number
    flags: string[]
    addr_info?: { family: string; local?: string; prefixlen?: number; scope?: string }[]
  }
  const up = flags.includes('UP')
  const addresses = addr_info
    .filter(({ local }) => local !== undefined && !(ifname === 'lo' && (local === '127.0.0.1' || local === '::1')))
    // What the kernel makes of the MAC address by itself is not ours to remove.
    .filter(({ family, scope, local }) => family === 'inet' || scope !== 'link' || local === 'fe80::a9fe:a9fe')
    .map(({ local, prefixlen }) => `address ${local}/${prefixlen} dev ${ifname}`)
  return [...(up ? [`device ${ifname}`, `device ${ifname} mtu ${mtu}`] : []), ...addresses]
}

function routeLine({ dst, gateway, dev }: Record<string, unknown>): string {
  const destination = String(dst)
  // `ip` leaves the length out where it is the full one.
  const full = destination === 'default' || destination.includes('/') ? destination : `${destination}/${isV4(destination) ? 32 : 128}`
  return `route ${full}${gateway === undefined ? '' : ` via ${gateway}`} dev ${dev}`
}

