import { BlockList, isIP, isIPv4 } from 'node:net'

/** A network, asked whether it has an address. */
export type Network = (address: string) => boolean

/**
 * The network of an address.
 * @param cidr `/24`, or `/255.255.255.0`
 * @returns null for what is no address or no length of a prefix of it
 */
export function networkOf(address: string, cidr: string): Network | null {
  const family = isIP(address)
  if (family === 0) return null
  const prefix = prefixOf(cidr)
  if (prefix === null || prefix > (family === 4 ? 32 : 128)) return null
  const type = family === 4 ? 'ipv4' : 'ipv6'
  const network = new BlockList()
  network.addSubnet(address, prefix, type)
  return (other) => isIP(other) === family && network.check(other, type)
}

function prefixOf(cidr: string): number | null {
  const length = cidr.replace(/^\//, '')
  if (/^\d{1,3}$/.test(length)) return Number(length)
  if (!isIPv4(length)) return null
  const bits = length.split('.').map((part) => Number(part).toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(bits) ? bits.replaceAll('0', '').length : null
}
