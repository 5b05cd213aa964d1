import { isIPv4, isIPv6 } from 'node:net'

/** An address as a number, so that ranges can be counted. */
export interface Address {
  readonly version: 4 | 6
  readonly value: bigint
}

/** A network in CIDR form: `10.0.0.0/16`. */
export interface Cidr {
  readonly version: 4 | 6
  readonly first: bigint
  readonly last: bigint
  readonly prefixLength: number
}

/** A range of addresses, both ends included. */
export interface Pool {
  readonly start: string
  readonly end: string
}

const BITS = { 4: 32, 6: 128 } as const

/** Undefined for what is not an address; an IPv6 zone is not one. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { version: 4, value: text.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) }
  if (!isIPv6(text) || text.includes('%')) return undefined
  return { version: 6, value: groupsOf(text).reduce((sum, group) => (sum << 16n) | BigInt(group), 0n) }
}

/** The eight groups of an IPv6 address; `::` stands for as many zeros as are missing. */
function groupsOf(text: string): number[] {
  const dotted = text.match(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/)
  if (dotted) {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(1).map(Number)
    const tail = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
    return groupsOf(text.slice(0, -dotted[0].length) + tail)
  }
  const [head = '', tail] = text.split('::')
  const numbers = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)))
  if (tail === undefined) return numbers(head)
  const [before, after] = [numbers(head), numbers(tail)]
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

/** The canonical text: dotted, or IPv6 with its longest run of zeros as `::` (RFC 5952). */
export function formatAddress({ version, value }: Address): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16))
  const zeros = groups.map((_, start) => groups.slice(start).findIndex((group) => group !== '0'))
  const runs = zeros.map((length, start) => (length === -1 ? groups.length - start : length))
  const longest = Math.max(...runs)
  if (longest < 2) return groups.join(':')
  const start = runs.indexOf(longest)
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + longest).join(':')}`
}

/** Undefined for what is not a network: no prefix length, or bits set below it. */
export function parseCidr(text: string): Cidr | undefined {
  const [place = '', length = '', ...rest] = text.split('/')
  const address = parseAddress(place)
  if (!address || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined
  const bits = BITS[address.version]
  const prefixLength = Number(length)
  if (prefixLength > bits) return undefined
  const size = 1n << BigInt(bits - prefixLength)
  if (address.value % size !== 0n) return undefined
  return { version: address.version, first: address.value, last: address.value + size - 1n, prefixLength }
}

export function contains(cidr: Cidr, address: Address): boolean {
  return address.version === cidr.version && address.value >= cidr.first && address.value <= cidr.last
}

export function overlap(a: Cidr, b: Cidr): boolean {
  return a.version === b.version && a.first <= b.last && b.first <= a.last
}

/** Usable by hosts: an IPv4 network's own address and broadcast are not, nor IPv6's subnet-router anycast address. */
export function usableRange({ version, first, last, prefixLength }: Cidr): { first: bigint; last: bigint } {
  if (BITS[version] - prefixLength < 2) return { first, last }
  return { first: first + 1n, last: version === 4 ? last - 1n : last }
}

/** The whole usable range but for the gateway: at most two pools. */
export function defaultPools(cidr: Cidr, gateway: Address | undefined): Pool[] {
  const { first, last } = usableRange(cidr)
  const text = (value: bigint): string => formatAddress({ version: cidr.version, value })
  const pool = (start: bigint, end: bigint): Pool[] => (start > end ? [] : [{ start: text(start), end: text(end) }])
  if (!gateway || gateway.value < first || gateway.value > last) return pool(first, last)
  return [...pool(first, gateway.value - 1n), ...pool(gateway.value + 1n, last)]
}

export function poolSize(pool: Pool): bigint {
  const [start, end] = [parseAddress(pool.start), parseAddress(pool.end)]
  return start && end ? end.value - start.value + 1n : 0n
}

/** Any address of the pool; where two look for a free one, they begin in different places. */
export function randomAddress(pool: Pool): string {
  const start = parseAddress(pool.start)
  if (!start) return pool.start
  const random = crypto.getRandomValues(new BigUint64Array(2))
  const offset = (((random[0] ?? 0n) << 64n) | (random[1] ?? 0n)) % poolSize(pool)
  return formatAddress({ version: start.version, value: start.value + offset })
}

/** OpenStack's own prefix, locally administered, with 24 random bits. */
export function randomMac(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(3))
  return `fa:16:3e:${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`
}
