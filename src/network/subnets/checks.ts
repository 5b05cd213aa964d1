import {
  type Address,
  type Cidr,
  contains,
  defaultPools,
  formatAddress,
  parseAddress,
  parseCidr,
  type Pool,
  usableRange,
} from '../addresses.ts'
import { failure, invalidInput } from '../failures.ts'

/** A subnet smaller than this has no room for a gateway and a port. */
const SMALLEST = 2n

/** @throws {Problem} bad_request for what is not a network that hosts can be on. */
export function checkedCidr(text: string, ipVersion: 4 | 6): Cidr {
  const cidr = parseCidr(text)
  if (!cidr) throw invalidInput(`'${text}' isn't a recognized IP subnet cidr, with no bits set after its prefix`)
  if (cidr.version !== ipVersion) throw invalidInput(`cidr '${text}' does not match the ip_version '${ipVersion}'`)
  if (cidr.first === 0n || cidr.prefixLength === 0) throw invalidInput(`'${text}' is not a network for hosts`)
  if (cidr.last - cidr.first + 1n < SMALLEST) throw invalidInput(`'${text}' has no room for a port`)
  return cidr
}

/** The gateway as asked for: the first usable address when not said, none when null. @throws {Problem} bad_request */
export function checkedGateway(cidr: Cidr, text: string | null | undefined): Address | undefined {
  if (text === null) return undefined
  if (text === undefined) return { version: cidr.version, value: usableRange(cidr).first }
  const gateway = parseAddress(text)
  const { first, last } = usableRange(cidr)
  if (!gateway || !contains(cidr, gateway) || gateway.value < first || gateway.value > last) {
    throw invalidInput(`Gateway ${text} is not a usable address of the subnet`)
  }
  return gateway
}

/** Pools within the subnet, apart from each other and from the gateway. @throws {Problem} bad_request or conflict */
export function checkedPools(cidr: Cidr, gateway: Address | undefined, pools: readonly Pool[] | undefined): Pool[] {
  if (pools === undefined) return defaultPools(cidr, gateway)
  const { first, last } = usableRange(cidr)
  const ranges = pools.map((pool) => {
    const [start, end] = [parseAddress(pool.start), parseAddress(pool.end)]
    if (!start || !end || start.version !== cidr.version || end.version !== cidr.version || start.value > end.value) {
      throw failure(
        'bad_request',
        'InvalidAllocationPool',
        `The allocation pool ${pool.start}-${pool.end} is not valid.`,
      )
    }
    if (start.value < first || end.value > last) {
      throw failure(
        'bad_request',
        'OutOfBoundsAllocationPool',
        `The allocation pool ${pool.start}-${pool.end} spans beyond the subnet cidr.`,
      )
    }
    return { start, end }
  })
  const sorted = ranges.toSorted((a, b) => (a.start.value < b.start.value ? -1 : 1))
  if (sorted.some((range, index) => index > 0 && range.start.value <= (sorted[index - 1]?.end.value ?? -1n))) {
    throw failure('conflict', 'OverlappingAllocationPools', 'Found overlapping allocation pools.')
  }
  const conflict =
    gateway && ranges.find(({ start, end }) => start.value <= gateway.value && gateway.value <= end.value)
  if (conflict) {
    throw failure(
      'conflict',
      'GatewayConflictWithAllocationPools',
      `Gateway ip ${formatAddress(gateway)} conflicts with an allocation pool.`,
    )
  }
  return ranges.map(({ start, end }) => ({ start: formatAddress(start), end: formatAddress(end) }))
}

/** @throws {Problem} bad_request for a name server that is no address, or a route to or over nothing. */
export function checkHints(hints: {
  dns_nameservers?: readonly string[]
  host_routes?: readonly { destination: string; nexthop: string }[]
}): void {
  const server = hints.dns_nameservers?.find((text) => !parseAddress(text))
  if (server !== undefined) throw invalidInput(`'${server}' is not a valid nameserver`)
  const route = hints.host_routes?.find(({ destination, nexthop }) => !parseCidr(destination) || !parseAddress(nexthop))
  if (route) throw invalidInput(`'${route.destination}' via '${route.nexthop}' is not a valid host route`)
}
