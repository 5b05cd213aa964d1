import { contains, formatAddress, type Pool, parseAddress, parseCidr, poolSize } from '../addresses.ts'
import { invalidAddress, subnetNotFound } from '../failures.ts'
import type { SubnetAddress } from './addresses.store.ts'
import type { WantedAddress } from './insert.store.ts'

/** An address as a request names it: by itself, by its subnet, or both. */
export interface FixedIp {
  readonly subnet_id?: string
  readonly ip_address?: string
}

/** A subnet as much of it as an address needs. */
export interface AddressSubnet {
  readonly id: string
  readonly cidr: string
  readonly gateway_ip: string | null
  readonly allocation_pools: readonly Pool[]
}

/** One free address for each IP version the subnets have, from whichever subnet of that version has any left. */
export function anyAddresses(subnets: readonly AddressSubnet[]): WantedAddress[] {
  return ([4, 6] as const).flatMap((version) => {
    const candidates = subnets.filter((subnet) => parseCidr(subnet.cidr)?.version === version)
    return candidates.length === 0 ? [] : [anyAddressOf(candidates)]
  })
}

/** A free address of one of `subnets`, the largest pool first. */
export function anyAddressOf(subnets: readonly AddressSubnet[]): WantedAddress {
  const pools = subnets.flatMap(({ id, allocation_pools }) => allocation_pools.map((pool) => ({ subnet_id: id, pool })))
  return { anyOf: pools.toSorted((a, b) => (poolSize(a.pool) < poolSize(b.pool) ? 1 : -1)) }
}

/**
 * This very address, in the subnet it belongs to; a gateway's own would take its neighbours off the network.
 * @throws {Problem} bad_request when it belongs to none of them, or is not for ports.
 */
export function certainAddress(text: string, subnets: readonly AddressSubnet[]): SubnetAddress {
  const address = parseAddress(text)
  const subnet = subnets.find(({ cidr }) => {
    const range = parseCidr(cidr)
    if (!range || !address || !contains(range, address)) return false
    // Neither the network's own address nor its broadcast.
    return range.last - range.first < 3n || (address.value !== range.first && address.value !== range.last)
  })
  if (!address || !subnet) throw invalidAddress(text)
  const ip_address = formatAddress(address)
  if (ip_address === subnet.gateway_ip) throw invalidAddress(text)
  return { subnet_id: subnet.id, ip_address }
}

/**
 * What `fixedIps` ask for of a network with `subnets`.
 * @throws {Problem} for a subnet of another network, or an address that no subnet of this one has.
 */
export function wantedAddresses(subnets: readonly AddressSubnet[], fixedIps: readonly FixedIp[]): WantedAddress[] {
  return fixedIps.map(({ subnet_id, ip_address }) => {
    const candidates = subnet_id === undefined ? subnets : subnets.filter(({ id }) => id === subnet_id)
    if (subnet_id !== undefined && candidates.length === 0) throw subnetNotFound(subnet_id)
    if (ip_address === undefined) return anyAddressOf(candidates)
    return certainAddress(ip_address, candidates)
  })
}
