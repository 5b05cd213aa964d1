import { isIPv4 } from 'node:net'

export const isV4 = (address: string): boolean => isIPv4(address.split('/')[0] ?? '')
export const prefixLength = (cidr: string): number => Number(cidr.split('/')[1])
export const fullLength = (address: string): string => `${address}/${isV4(address) ? 32 : 128}`

/** The link-local address that a guest makes of its MAC address (RFC 4291, EUI-64), as the kernel prints it. */
export function linkLocal(mac: string): string {
  const bytes = mac.split(':').map((byte) => parseInt(byte, 16))
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f]
  // A first group of zero is part of the run of zeros before it; no other can be zero.
  return `fe80::${(groups[0] === 0 ? groups.slice(1) : groups).map((group) => group.toString(16)).join(':')}`
}

/** The dotted mask of an IPv4 prefix. */
export function netmask(length: number): string {
  const bits = length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.')
}

/** The eight groups as 32 hexadecimal digits: how a raw comparison of nftables wants an IPv6 address. */
export function hexAddress(address: string): string {
  const [head = '', tail = ''] = address.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const [before, after] = [groups(head), groups(tail)]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('')
}

/** Whether an address is in a network, both of the same version. */
export function contains(cidr: string, address: string): boolean {
  if (isV4(cidr) !== isV4(address)) return false
  const [network = '', length] = [cidr.split('/')[0], prefixLength(cidr)]
  return bits(network).slice(0, length) === bits(address).slice(0, length)
}

function bits(address: string): string {
  if (isV4(address)) return address.split('.').map((byte) => Number(byte).toString(2).padStart(8, '0')).join('')
  return [...hexAddress(address)].map((digit) => parseInt(digit, 16).toString(2).padStart(4, '0')).join('')
}
