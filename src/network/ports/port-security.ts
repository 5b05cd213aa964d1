import { parseAddress, parseCidr } from '../addresses.ts'
import { failure, invalidInput } from '../failures.ts'
import type { AddressPair } from './ports.store.ts'

/** Neutron's `max_allowed_address_pair`. */
const MAX_PAIRS = 10

/** What of a port says who may talk to it, and as whom it may speak. */
export interface PortSecurity {
  readonly port_security_enabled: boolean
  readonly security_groups: readonly string[]
  readonly allowed_address_pairs: readonly AddressPair[]
}

/** @throws {Problem} conflict for groups or address pairs of a port on which nothing is checked. */
export function checkPortSecurity({ port_security_enabled, ...port }: PortSecurity): void {
  if (port_security_enabled) return
  if (port.security_groups.length > 0) {
    throw failure(
      'conflict',
      'PortSecurityPortHasSecurityGroup',
      'Port has security group associated. Cannot disable port security or IP address until security group is removed.',
    )
  }
  if (port.allowed_address_pairs.length > 0) {
    throw failure(
      'conflict',
      'AddressPairAndPortSecurityRequired',
      'Port Security must be enabled in order to have allowed address pairs on a port.',
    )
  }
}

/** The pairs, each once. @throws {Problem} bad_request for too many, twins, and what is neither address nor network. */
export function checkedPairs(pairs: readonly AddressPair[]): AddressPair[] {
  if (pairs.length > MAX_PAIRS) {
    throw failure(
      'bad_request',
      'AllowedAddressPairExhausted',
      `The number of allowed address pair exceeds the maximum ${MAX_PAIRS}.`,
    )
  }
  const checked = pairs.map(({ ip_address, mac_address }) => {
    if (!parseAddress(ip_address) && !parseCidr(ip_address)) {
      throw invalidInput(`'${ip_address}' in allowed_address_pairs is neither an address nor a network`)
    }
    return { ip_address, mac_address: mac_address?.toLowerCase() ?? null }
  })
  const texts = checked.map((pair) => JSON.stringify(pair))
  if (new Set(texts).size < texts.length) throw invalidInput('allowed_address_pairs names one pair twice')
  return checked
}
