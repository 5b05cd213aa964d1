import type { Problem } from '../../kernel/index.ts'
import { type GlobalSql, isForeignKeyViolation, isUniqueViolation } from '../../platform/db/index.ts'
import {
  addressInUse,
  failure,
  macInUse,
  networkNotFound,
  noMoreAddresses,
  securityGroupNotFound,
  subnetNotFound,
} from '../failures.ts'
import { takenAddresses } from './addresses.store.ts'
import { insertPorts, type NewPort } from './insert.store.ts'

/** Tries against others who want the last addresses of a subnet too; each failed one means that one of them got his. */
const ATTEMPTS = 50

/**
 * Makes ports, all or none, choosing free addresses. Not inside a transaction: it tries again after a conflict. What is
 * to happen together with them, `insert` does in a transaction of its own.
 * @throws {Problem} conflict IpAddressInUse, MacAddressInUse or IpAddressGenerationFailure, and not_found for a
 * network, subnet or security group that was deleted meanwhile.
 */
export async function addPorts(
  sql: GlobalSql,
  ports: readonly NewPort[],
  insert: () => Promise<void> = () => insertPorts(sql, ports),
): Promise<void> {
  const network = ports[0]?.network_id ?? ''
  for (let attempt = 1; ; attempt++) {
    try {
      return await insert()
    } catch (error) {
      const problem = (await takenProblem(sql, error, ports)) ?? finalProblem(error, ports)
      if (problem) throw problem
      if (!isRace(error)) throw error
      if (attempt >= ATTEMPTS) throw noMoreAddresses(network)
    }
  }
}

const isRace = (error: unknown): boolean =>
  isUniqueViolation(error, 'ip_allocations_pkey') || isUniqueViolation(error, 'ports_network_id_mac_address_key')

/** Of certain addresses and MACs that were asked for, one that another port has. */
async function takenProblem(sql: GlobalSql, error: unknown, ports: readonly NewPort[]): Promise<Problem | undefined> {
  if (isUniqueViolation(error, 'ports_network_id_mac_address_key')) {
    const port = ports.find((each) => each.mac_address !== null)
    return port && macInUse(port.mac_address ?? '', port.network_id)
  }
  if (!isUniqueViolation(error, 'ip_allocations_pkey')) return undefined
  const certain = ports.flatMap((port) =>
    port.addresses.flatMap((each) => ('ip_address' in each ? [{ ...each, network_id: port.network_id }] : [])),
  )
  if (certain.length === 0) return undefined
  const [taken] = await takenAddresses(sql, certain)
  const culprit = certain.find((each) => each.subnet_id === taken?.subnet_id && each.ip_address === taken.ip_address)
  if (culprit) return addressInUse(culprit.ip_address, culprit.network_id)
  // Nobody else has one: the request names the same address twice.
  const twice = certain.find(
    (each, index) => certain.findIndex((other) => other.ip_address === each.ip_address) < index,
  )
  return twice && addressInUse(twice.ip_address, twice.network_id)
}

function finalProblem(error: unknown, ports: readonly NewPort[]): Problem | undefined {
  const port = ports[0]
  if (!port) return undefined
  const notNull = '23502'
  if ((error as { code?: unknown }).code === notNull) return noMoreAddresses(port.network_id)
  if (isForeignKeyViolation(error, 'ports_network_id_fkey')) return networkNotFound(port.network_id)
  if (isForeignKeyViolation(error, 'ip_allocations_subnet_id_fkey')) return subnetNotFound('of the port')
  if (isForeignKeyViolation(error, 'port_security_groups_security_group_id_fkey')) {
    return securityGroupNotFound(port.security_group_ids.join(', '))
  }
  const conflict = isUniqueViolation(error, 'ports_pkey')
  return conflict ? failure('conflict', 'Conflict', `Port ${port.id} exists already.`, error) : undefined
}
